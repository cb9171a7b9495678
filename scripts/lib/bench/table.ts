import { median, type Cost } from './measure.ts'

export interface TableOptions {
  readonly title: string
  /** The contestant all others are compared with. */
  readonly against: string
  /** For bytes written per byte; left out where nothing of the content is written. */
  readonly contentBytes?: number
}

/** A Markdown table of medians, and of ratios to one contestant. */
export function formatTable(costs: ReadonlyMap<string, readonly Cost[]>, options: TableOptions): string {
  const base = median((costs.get(options.against) ?? []).map(({ seconds }) => seconds))
  const header = ['', 'time', `ratio to ${options.against}`, 'processor', 'peak memory', 'written per byte']
  const rows = [...costs].map(([name, runs]) => {
    const of = (pick: (cost: Cost) => number): number => median(runs.map(pick))
    const seconds = of((cost) => cost.seconds)
    const written =
      options.contentBytes === undefined ? '–' : (of((cost) => cost.writtenBytes) / options.contentBytes).toFixed(2)
    return [
      name,
      `${seconds.toFixed(2)} s`,
      (seconds / base).toFixed(2),
      `${of((cost) => cost.cpuSeconds).toFixed(2)} s`,
      `${Math.round(of((cost) => cost.peakBytes) / 1e6)} MB`,
      written,
    ]
  })
  const widths = header.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [
    `### ${options.title}`,
    '',
    line(header),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
    '',
  ].join('\n')
}
