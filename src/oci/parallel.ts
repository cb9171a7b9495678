import pLimit from 'p-limit'

/** Lets work through, so much at once. It wraps single requests: what holds a place never waits for another. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Runs `work` over `items`, at most `concurrency` at once, results in the order of the items. The first failure
 * stops the start of new ones and is thrown when those under way have ended.
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const limit = pLimit(concurrency)
  let failure: { readonly error: unknown } | undefined
  const results = await Promise.all(
    items.map((item, index) =>
      limit(async () => {
        if (failure) return undefined
        try {
          return { value: await work(item, index) }
        } catch (error) {
          failure ??= { error }
          return undefined
        }
      }),
    ),
  )
  // Read through a function: assignments inside the callbacks are invisible to the type checker.
  throwFirst(failure)
  return results.flatMap((result) => (result ? [result.value] : []))
}

function throwFirst(failure: { readonly error: unknown } | undefined): void {
  if (failure) throw failure.error
}

/** A gate that lets at most `concurrency` pieces of work through at once. */
export function newLimit(concurrency: number): Gate {
  const limit = pLimit(concurrency)
  return (work) => limit(work)
}
