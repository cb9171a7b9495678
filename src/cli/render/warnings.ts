import { printable } from './plain-text.ts'

/** Warnings as lines. A hint is given once: the tenth image with the same trouble needs no tenth advice. */
export interface Warnings {
  linesOf(warning: { readonly message: string; readonly hint?: string }): string[]
}

export function createWarnings(): Warnings {
  const given = new Set<string>()
  return {
    linesOf({ message, hint }) {
      const lines = [`  ! ${printable(message)}`]
      if (hint !== undefined && !given.has(hint)) {
        given.add(hint)
        lines.push(`    ${printable(hint)}`)
      }
      return lines
    },
  }
}
