import { FerryError, type Problem } from '../errors.ts'
import { pathText, type Path } from './text-place.ts'
import type { YamlDocument } from './yaml-document.ts'

/** A mistake at a path of a document, before it has a line. */
export interface Finding {
  readonly path: Path
  /** Whether the key is wrong or its value. Default: the value. */
  readonly at?: 'key' | 'value'
  readonly message: string
  readonly hint?: string
  /** The value has the right type all the same, so that rules can look at it. */
  readonly typed?: boolean
}

/** Gives findings their lines: each mistake once, in the order of the file. */
export function locateFindings(document: YamlDocument, findings: readonly Finding[]): Problem[] {
  const seen = new Set<string>()
  const problems: (Problem & { readonly line: number; readonly column: number })[] = []
  for (const finding of findings) {
    const place = finding.at === 'key' ? document.keyPlaceOf(finding.path) : document.placeOf(finding.path)
    const path = pathText(finding.path)
    const id = JSON.stringify([path, finding.message])
    if (seen.has(id)) continue
    seen.add(id)
    problems.push({
      file: document.file,
      line: place.line,
      column: place.column,
      ...(path !== '' && { path }),
      message: finding.message,
      ...(finding.hint !== undefined && { hint: finding.hint }),
    })
  }
  return problems.sort((a, b) => a.line - b.line || a.column - b.column)
}

/** The error for a file with mistakes: `FILE: 3 problems`. */
export function invalidFile(file: string, problems: readonly Problem[], hint?: string): FerryError {
  return new FerryError('config-invalid', `${file}: ${countProblems(problems.length)}`, {
    problems,
    ...(hint !== undefined && { hint }),
  })
}

export function countProblems(count: number): string {
  return count === 1 ? '1 problem' : `${count} problems`
}

/**
 * Problems as lines for a terminal, each file once above its own:
 *
 *     bundles/platform/bundle.yaml
 *       14:9   images[3]: no such tag: quay.io/calico/node:v3.31.22
 *       31:5   charts[1].verison: unknown key. Did you mean version?
 *
 * Hints stand below, indented. No newline at the end.
 */
export function formatProblems(problems: readonly Problem[]): string {
  const places = problems.map(({ line, column }) => (line === undefined ? '' : `${line}:${column ?? 1}`))
  const width = Math.max(4, ...places.map((place) => place.length)) + 3
  const lines: string[] = []
  let file: string | undefined
  for (const [i, problem] of problems.entries()) {
    if (problem.file !== undefined && problem.file !== file) lines.push(problem.file)
    file = problem.file
    const path = problem.path === undefined ? '' : `${problem.path}: `
    const place = places[i] ?? ''
    const margin = place === '' ? '  ' : `  ${place.padEnd(width)}`
    lines.push(`${margin}${path}${problem.message}`)
    if (problem.hint !== undefined) lines.push(`${' '.repeat(margin.length + 2)}${problem.hint}`)
  }
  return lines.join('\n')
}
