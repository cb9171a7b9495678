import type { PlannedDocument, PlannedTag } from '../../bundle/push-plan.ts'
import type { Digest } from '../../oci/digest.ts'
import type { FilteredIndex } from '../../oci/filtered-index.ts'
import { mapParallel } from '../../oci/parallel.ts'
import { refusesSparse } from './probe-sparse.ts'
import { putDocument, refusalError, type PushRun, type Refusal } from './run.ts'
import { isSettled, type Survey } from './survey.ts'

/** A tag that stands at less than the bundle's own index, because the registry does not take that. */
export interface FilteredTag {
  readonly name: string
  /** In the target. */
  readonly repository: string
  readonly tag: string
  /** What the bundle has, and what signatures were made for. */
  readonly original: Digest
  /** What the tag stands at. */
  readonly filtered: Digest
}

/** What a document with a subject met: whether the registry lists it as a referrer by itself. */
export type SubjectsHandled = Map<PlannedDocument, boolean>

/**
 * Sends the manifests and indexes that are needed under their digest, wave by wave.
 * @param handled notes for each that was sent whether the registry took care of its subject.
 * @returns how many were sent.
 */
export async function pushByDigest(run: PushRun, survey: Survey, handled: SubjectsHandled): Promise<number> {
  let sent = 0
  for (const wave of run.plan.waves) {
    const due = wave.filter((document) => {
      const state = survey(document)
      return document.byDigest && !state.there && !isSettled(document, state)
    })
    await mapParallel(due, run.concurrency, async (document) => {
      const result = await putDocument(run, document, document.descriptor.digest)
      if (result.refused === undefined) {
        sent++
        handled.set(document, result.subjectHandled)
      } else failUnlessFiltered(run, document, result)
    })
  }
  return sent
}

/**
 * Whether a refusal by digest can be lived with: a sparse index that has a tag is replaced there, and one inside another
 * index is decided on with that.
 */
function failUnlessFiltered({ host }: PushRun, document: PlannedDocument, refusal: Refusal): void {
  const { sparse, entry, name } = document
  if (!sparse) throw refusalError(host, name, refusal)
  if (entry && !sparse.filtered) throw refusesSparse(host, document, refusal)
}

/**
 * Sets the tags, those of signatures first.
 * @returns how many documents were sent, and the tags that got a filtered index.
 */
export async function pushTags(
  run: PushRun,
  survey: Survey,
): Promise<{ readonly sent: number; readonly filtered: readonly FilteredTag[] }> {
  let sent = 0
  const filtered: FilteredTag[] = []
  for (const wave of run.plan.tagWaves) {
    await mapParallel(wave, run.concurrency, async (planned) => {
      const { document, tag } = planned
      const state = survey(document)
      if (state.tagged.has(tag)) return
      const instead = document.sparse?.filtered
      if (instead && state.filtered.has(tag)) {
        filtered.push(filteredTag(planned, instead))
        return
      }
      const result = await putDocument(run, document, tag)
      if (result.refused === undefined) {
        sent++
        return
      }
      if (!instead) {
        if (document.sparse) throw refusesSparse(run.host, document, result)
        throw refusalError(run.host, document.name, result)
      }
      sent += await putFiltered(run, planned, instead)
      filtered.push(filteredTag(planned, instead))
    })
  }
  return { sent, filtered: filtered.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
}

async function putFiltered(
  { registry, host, signal }: PushRun,
  { document, tag }: PlannedTag,
  { root, documents }: FilteredIndex,
): Promise<number> {
  for (const { descriptor, bytes } of documents) {
    const under = descriptor.digest === root.digest ? tag : descriptor.digest
    const content = { mediaType: descriptor.mediaType, bytes }
    const result = await registry.putDocument(document.repository, under, content, signal)
    if (result.refused !== undefined)
      throw refusalError(host, `${document.name}, even reduced to the platforms in the bundle`, result)
  }
  return documents.length
}

function filteredTag({ document, tag }: PlannedTag, { root }: FilteredIndex): FilteredTag {
  const { name, repository, descriptor } = document
  return { name, repository, tag, original: descriptor.digest, filtered: root.digest }
}
