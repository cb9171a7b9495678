import { showValue } from './shown-value.ts'

/** What is wrong with an http(s) address in a file that is kept in version control; undefined when nothing is. */
export function httpUrlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:\/\//i.test(text)) return `${showValue(text)}: expected an address with https:// or http://`
  if (url.username !== '' || url.password !== '')
    return `${showValue(text)}: credentials do not belong into this file; everyone who has the bundle can read it`
  return undefined
}
