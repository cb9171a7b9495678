/**
 * Text that came from elsewhere (file names, a registry's words), made safe to print on one line: control characters,
 * which could move the cursor or hide what stands there, are shown as escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escapeCharacter)
}

/** As `printable`, but newlines stay: for messages of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** Digests by their first twelve digits: enough to tell things apart; --json has them whole. */
export function briefDigests(text: string): string {
  return text.replaceAll(/(sha256[:-][a-f0-9]{12})[a-f0-9]{52}/g, '$1…')
}

/** At most `width` characters: digests shortened first, then the middle left out. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text
  const brief = briefDigests(text)
  if (brief.length <= width) return brief
  if (width <= 1) return '…'.slice(0, width)
  const tail = Math.ceil((width - 1) / 2)
  return `${brief.slice(0, width - 1 - tail)}…${brief.slice(-tail)}`
}

function escapeCharacter(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16)
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`
}
