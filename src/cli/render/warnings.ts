import { printable } from './plain-text.ts'
import { wrapText } from './wrap-text.ts'

/** Warnings as lines. A hint is given once: the tenth image with the same trouble needs no tenth advice. */
export interface Warnings {
  /** @param width of a line; default: lines are not broken. */
  linesOf(warning: { readonly message: string; readonly hint?: string }, width?: number): string[]
}

export function createWarnings(): Warnings {
  const given = new Set<string>()
  return {
    linesOf({ message, hint }, width = Number.POSITIVE_INFINITY) {
      const wrap = (text: string): string[] => wrapText(printable(text), { width, indent: '    ' }).split('\n')
      const lines = wrap(message)
      lines[0] = `  ! ${lines[0]?.trimStart() ?? ''}`
      if (hint !== undefined && !given.has(hint)) {
        given.add(hint)
        lines.push(...wrap(hint))
      }
      return lines
    },
  }
}
