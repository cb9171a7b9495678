import { bundleSource, type OpenBundle } from '../../bundle/open-bundle.ts'
import type { PlannedBlob } from '../../bundle/push-plan.ts'
import { copy, type CopyItem, type CopyOptions } from '../../oci/copy.ts'
import type { ContentTarget, OpenVerified } from '../../oci/store.ts'
import { watchBundleRead } from './bundle-read.ts'
import type { PushRun } from './run.ts'

export interface BlobCounts {
  /** Uploads. A registry without cross-repository mount gets a shared blob once for every repository. */
  readonly uploaded: number
  readonly bytesUploaded: number
  readonly mounted: number
  /** Blobs that had to be sent because no repository of this push had them, each counted once; and their bytes. */
  readonly fresh: number
  readonly freshBytes: number
}

/**
 * Brings every blob to every repository that needs it: first each blob to one repository (unless one has it), then
 * from there to the others by cross-repository mount (distribution-spec 1.1 "Mounting a blob from another repository"),
 * with another upload where the registry wants none.
 */
export async function pushBlobs(run: PushRun, bundle: OpenBundle, blobs: readonly PlannedBlob[]): Promise<BlobCounts> {
  const { concurrency, emit, signal } = run
  const options: Omit<CopyOptions, 'target'> = {
    // `copy` holds one piece back, and an upload asks for the next when the socket has taken the one before.
    source: bundleSource(bundle, { recycle: true }),
    concurrency,
    task: 'push',
    emit,
    ...(signal && { signal }),
  }
  const spread = new BlobSpread(run, bundle.file.name)
  const first = await copy(
    blobs.map((blob) => ({ ...blob, target: spread.toFirst(blob) })),
    options,
  )
  const others = blobs.flatMap((blob) =>
    spread.othersOf(blob).map((repository): CopyItem => ({
      descriptor: blob.descriptor,
      name: `${repository} ${blob.descriptor.digest.slice(7, 19)}`,
      target: spread.toOther(blob, repository),
    })),
  )
  // The bytes of these have been counted once already.
  await copy(others, { ...options, emit: (event) => event.type !== 'bytes' && emit(event) })
  return { ...spread.counts, fresh: first.copied, freshBytes: first.copiedBytes }
}

/** Which repository has which blob, as it becomes known. */
class BlobSpread {
  readonly counts = { uploaded: 0, bytesUploaded: 0, mounted: 0 }
  readonly #run: PushRun
  readonly #file: string
  /** The repository each blob can be mounted from. */
  readonly #homes = new Map<PlannedBlob, string>()
  /** Answers to HEAD. */
  readonly #seen = new Map<PlannedBlob, ReadonlyMap<string, boolean>>()

  constructor(run: PushRun, file: string) {
    this.#run = run
    this.#file = file
  }

  toFirst(blob: PlannedBlob): ContentTarget {
    const [known] = blob.knownIn
    const [wanted = ''] = blob.wantedIn
    return {
      has: async (descriptor, signal) => {
        if (known !== undefined) {
          this.#homes.set(blob, known)
          return true
        }
        const answers = await Promise.all(
          blob.wantedIn.map(
            async (repository) =>
              [repository, await this.#run.registry.hasBlob(repository, descriptor, signal)] as const,
          ),
        )
        this.#seen.set(blob, new Map(answers))
        const home = answers.find(([, has]) => has)?.[0]
        if (home !== undefined) this.#homes.set(blob, home)
        return home !== undefined
      },
      write: async (_, open, signal) => {
        await this.#upload({ ...blob, repository: wanted }, open, signal)
        this.#homes.set(blob, wanted)
      },
    }
  }

  /** The repositories that still may lack a blob. */
  othersOf(blob: PlannedBlob): string[] {
    const home = this.#homes.get(blob)
    const seen = this.#seen.get(blob)
    return blob.wantedIn.filter((repository) => repository !== home && seen?.get(repository) !== true)
  }

  toOther(blob: PlannedBlob, repository: string): ContentTarget {
    const { registry } = this.#run
    return {
      has: async (descriptor, signal) => {
        const asked = this.#seen.get(blob)?.has(repository) ?? false
        if (!asked && (await registry.hasBlob(repository, descriptor, signal))) return true
        const home = this.#homes.get(blob)
        if (home === undefined || !(await registry.mountBlob(repository, descriptor, home, signal))) return false
        this.counts.mounted++
        return true
      },
      write: (_, open, signal) => this.#upload({ ...blob, repository }, open, signal),
    }
  }

  async #upload(
    { repository, descriptor, name }: Pick<PlannedBlob, 'descriptor' | 'name'> & { readonly repository: string },
    open: OpenVerified,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { registry, emit } = this.#run
    const source = watchBundleRead(open, this.#file)
    try {
      await registry.uploadBlob(repository, descriptor, source.open, {
        ...(signal && { signal }),
        onRetry: (notice) => emit({ type: 'retry', task: 'push', item: name, ...notice }),
      })
    } catch (error) {
      throw source.failure() ?? error
    }
    this.counts.uploaded++
    this.counts.bytesUploaded += descriptor.size
  }
}
