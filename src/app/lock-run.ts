import { problemAt } from '../bundle/lock.ts'
import type { BundleDefinition, Place } from '../config/bundle-definition.ts'
import { FerryError, type ErrorCode, type Problem } from '../errors.ts'
import type { Emit } from '../events.ts'

interface Failure {
  readonly place: Place
  readonly error: FerryError
}

/** Runs entries and gathers what goes wrong with each, so that all of it is told at once. */
export interface Run {
  attempt<T>(place: Place, label: string, work: () => Promise<T>): Promise<T | undefined>
  throwProblems(): void
}

export function startRun(
  definition: BundleDefinition,
  { emit, signal }: { readonly emit: Emit; readonly signal?: AbortSignal },
): Run {
  const failures: Failure[] = []
  return {
    async attempt(place, label, work) {
      if (signal?.aborted) return undefined
      emit({ type: 'item-start', task: 'lock', item: label })
      try {
        const result = await work()
        emit({ type: 'item-end', task: 'lock', item: label })
        return result
      } catch (error) {
        if (signal?.aborted) return undefined
        if (!(error instanceof FerryError)) throw error
        emit({ type: 'item-end', task: 'lock', item: label, note: 'failed' })
        failures.push({ place, error })
        return undefined
      }
    },
    throwProblems() {
      if (failures.length === 0) return
      failures.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
      const problems = gatherProblems(definition, failures)
      const hard = failures.find(({ error }) => !MISTAKES.has(error.code))
      throw new FerryError(
        hard?.error.code ?? 'config-invalid',
        `${definition.file}: ${count(problems.length, 'problem')}`,
        {
          problems,
          cause: (hard ?? failures[0])?.error,
        },
      )
    },
  }
}

/** Failures that whoever wrote bundle.yaml can mend there. */
const MISTAKES: ReadonlySet<ErrorCode> = new Set(['config-invalid', 'registry-not-found', 'content-platform'])

/** One problem for each entry; what is the same for many (a registry that is down) is said once, where it comes first. */
function gatherProblems(definition: BundleDefinition, failures: readonly Failure[]): Problem[] {
  const problems = failures.flatMap(({ error }) => error.problems)
  const same = Map.groupBy(
    failures.filter(({ error }) => error.problems.length === 0),
    ({ error }) => error.message,
  )
  for (const [message, [first, ...others]] of same)
    if (first) problems.push(problemAt(definition, first.place, message + alsoText(others), first.error.hint))
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

/** `; the same for images[1], images[2], images[3] and 12 more` */
function alsoText(others: readonly Failure[]): string {
  if (others.length === 0) return ''
  const named = others.slice(0, 3).map(({ place }) => place.path)
  const more = others.length > named.length ? ` and ${others.length - named.length} more` : ''
  return `; the same for ${named.join(', ')}${more}`
}

/** `1 image`, `2 images` */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
