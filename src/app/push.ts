import type { OpenBundle } from '../bundle/open-bundle.ts'
import { planBlobs, planPush, type PushPlan } from '../bundle/push-plan.ts'
import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Registry } from '../oci/registry.ts'
import { isRepository } from '../oci/reference.ts'
import { pushTargetText, type PushTarget } from './push-target.ts'
import { pushBlobs } from './push/blobs.ts'
import { pushByDigest, pushTags, type FilteredTag, type SubjectsHandled } from './push/documents.ts'
import { probePinnedSparse } from './push/probe-sparse.ts'
import { listReferrersAtTarget } from './push/referrers.ts'
import type { PushRun } from './push/run.ts'
import { surveyTarget } from './push/survey.ts'

export interface PushRequest {
  readonly bundle: OpenBundle
  readonly to: PushTarget
  /** Requests at once. Default 8. */
  readonly concurrency?: number
}

export interface PushDeps {
  /** Of `to.host`. */
  readonly registry: Registry
  readonly emit: Emit
  readonly signal?: AbortSignal
}

export interface PushSummary {
  /** `host/prefix`. */
  readonly target: string
  readonly repositories: number
  readonly tags: number
  /** Manifests and indexes that were sent; the others were there. */
  readonly documentsSent: number
  readonly documents: number
  /** Uploads. A registry without cross-repository mount gets a shared blob once for every repository. */
  readonly blobsUploaded: number
  readonly bytesUploaded: number
  readonly blobsMounted: number
  /** Blobs that some repository had already, each counted once; and their bytes. */
  readonly blobsPresent: number
  readonly bytesPresent: number
  /** Tags that stand at less than the bundle's own index, because the registry does not take sparse indexes. */
  readonly filtered: readonly FilteredTag[]
}

/**
 * Fills a registry from a bundle: what is there is not sent again, what repositories share is sent once. The order is such
 * that at any moment everything the registry shows is complete: blobs, then manifests, then indexes, then tags. So a
 * push that was killed goes on where it stopped when it is run again.
 * @throws FerryError `bundle-digest` when a blob of the bundle is damaged (the registry has not taken it then),
 *   `registry-*`, `interrupted`.
 */
export async function pushBundle(
  { bundle, to, concurrency = 8 }: PushRequest,
  { registry, emit, signal }: PushDeps,
): Promise<PushSummary> {
  const plan = planPush(bundle, to.prefix)
  const target = pushTargetText(to)
  const unusable = plan.repositories.find((repository) => !isRepository(repository))
  if (unusable !== undefined)
    throw new FerryError('usage', `${target}: ${unusable} is longer than a repository's name may be (255 characters)`, {
      hint: 'Give a shorter prefix.',
    })
  const run: PushRun = { plan, registry, host: to.host, concurrency, emit, signal }
  emit({ type: 'task-start', task: 'push', title: `push to ${target}`, totalBytes: plan.totalBytes })
  try {
    signal?.throwIfAborted()
    const survey = await surveyTarget(run)
    await probePinnedSparse(run, survey)
    const blobs = planBlobs(plan, (document) => survey(document).there)
    emit({ type: 'bytes', task: 'push', bytes: plan.totalBytes - sizeOf(blobs) })
    const counts = await pushBlobs(run, bundle, blobs)
    const handled: SubjectsHandled = new Map()
    const byDigest = await pushByDigest(run, survey, handled)
    const lists = await listReferrersAtTarget(run, handled)
    const { sent, filtered } = await pushTags(run, survey)
    for (const entry of filtered) warnFiltered(emit, entry)
    const summary: PushSummary = {
      target,
      repositories: plan.repositories.length,
      tags: plan.tagWaves.flat().length,
      documents: plan.waves.flat().length,
      documentsSent: byDigest + lists + sent,
      blobsUploaded: counts.uploaded,
      bytesUploaded: counts.bytesUploaded,
      blobsMounted: counts.mounted,
      blobsPresent: plan.totalBlobs - counts.fresh,
      bytesPresent: plan.totalBytes - counts.freshBytes,
      filtered,
    }
    emit({ type: 'task-end', task: 'push', summary: summaryLine(summary) })
    return summary
  } catch (error) {
    // Once stopped, whatever a broken-off request says is a consequence; a damaged bundle is news all the same.
    if (!signal?.aborted || (error instanceof FerryError && error.code.startsWith('bundle-')))
      throw withProjects(error, plan)
    throw new FerryError('interrupted', `the push to ${target} was interrupted`, {
      hint: 'Run the same command again: what is there is not sent again.',
      cause: error,
    })
  }
}

/**
 * In Harbor, and not only there, the first part of a path is a project that someone has to make. Where it is missing the answer
 * is "not found" or "not allowed", and nothing in it tells why.
 */
function withProjects(error: unknown, { repositories }: PushPlan): unknown {
  if (!(error instanceof FerryError) || (error.code !== 'registry-not-found' && error.code !== 'registry-auth'))
    return error
  const projects = [...new Set(repositories.map((repository) => repository.replace(/\/.*/s, '')))]
  const named =
    projects.length > 5 ? `${projects.slice(0, 5).join(', ')} and ${projects.length - 5} more` : projects.join(', ')
  const hint = `In Harbor the first part of a path is a project, which must exist and take your pushes: ${named}.`
  return new FerryError(error.code, error.message, {
    hint: error.hint === undefined ? hint : `${error.hint}\n${hint}`,
    cause: error,
  })
}

function sizeOf(blobs: readonly { readonly descriptor: { readonly size: number } }[]): number {
  return blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
}

function warnFiltered(emit: Emit, { repository, tag, original, filtered }: FilteredTag): void {
  emit({
    type: 'warning',
    message:
      `the registry refuses sparse indexes: ${repository}:${tag} now points to a filtered index ${filtered}; ` +
      `signatures made for ${original} no longer match`,
    hint: 'Export all platforms of this image, or push into a registry that takes sparse indexes, to keep its digest.',
  })
}

function summaryLine(summary: PushSummary): string {
  const { tags, repositories, documentsSent, blobsUploaded, blobsMounted, blobsPresent } = summary
  const sent = documentsSent + blobsUploaded + blobsMounted
  const what = `${tags} tags in ${repositories} repositories`
  if (sent === 0) return `${what} · all there already`
  return `${what} · ${blobsUploaded} blobs sent, ${blobsMounted} mounted, ${blobsPresent} there already`
}
