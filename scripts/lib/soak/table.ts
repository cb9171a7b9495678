import type { SeriesReport } from './series.ts'

/** The summary of all series, in plain text. */
export function formatReports(reports: readonly SeriesReport[]): string {
  const rows = [
    ['series', 'rounds', 'violations', 'time', 'what was done'],
    ...reports.map(({ name, rounds, violations, seconds, counts }) => [
      name,
      String(rounds),
      String(violations.length),
      `${Math.round(seconds)} s`,
      Object.entries(counts)
        .map(([what, count]) => `${count} ${what}`)
        .join(', '),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
