export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows under titles, two spaces between columns, two in front; no spaces at the ends of lines. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines.map((line) =>
    `  ${columns
      .map(({ align }, i) => {
        const cell = line[i] ?? ''
        const width = widths[i] ?? 0
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')}`.trimEnd(),
  )
}
