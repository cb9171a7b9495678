/** Breaks a text between words into lines of at most `width` characters, each after `indent`. Its own newlines stay. */
export function wrapText(
  text: string,
  { width, indent = '' }: { readonly width: number; readonly indent?: string },
): string {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && indent.length + line.length + 1 + word.length > width) {
        lines.push(indent + line)
        line = ''
      }
      line += line === '' ? word : ` ${word}`
    }
    lines.push(indent + line)
  }
  return lines.join('\n')
}
