import type { PlannedDocument } from '../../bundle/push-plan.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { MEDIA } from '../../oci/media-types.ts'
import { mapParallel } from '../../oci/parallel.ts'
import { mergeReferrers, referrersTag } from '../../oci/referrers-tag.ts'
import type { SubjectsHandled } from './documents.ts'
import { putDocument, type PushRun } from './run.ts'

/**
 * Makes what is attached to images findable. A registry with the referrers API does that by itself and says so with the
 * OCI-Subject header; for others the client keeps a list under a tag (distribution-spec 1.1 "Referrers Tag Schema"). A
 * push that was killed between a signature and its list leaves it unlisted, so what was there already is looked up too.
 * @returns how many documents were sent.
 */
export async function listReferrersAtTarget(run: PushRun, handled: SubjectsHandled): Promise<number> {
  const attached = run.plan.waves.flat().flatMap((document) => {
    const { subject, referrer } = document
    return subject && referrer && handled.get(document) !== true ? [{ document, subject, referrer }] : []
  })
  const lists = Map.groupBy(attached, ({ document, subject }) => `${document.repository}@${subject}`)
  const sent = await mapParallel([...lists.values()], run.concurrency, (list) => keepList(run, list, handled))
  return sent.reduce((sum, count) => sum + count, 0)
}

interface Attachment {
  readonly document: PlannedDocument
  readonly subject: Digest
  readonly referrer: Descriptor
}

async function keepList(run: PushRun, list: readonly Attachment[], handled: SubjectsHandled): Promise<number> {
  const [first] = list
  if (!first) return 0
  const { registry, signal } = run
  const { repository } = first.document
  const listed = new Set((await registry.listReferrers(repository, first.subject, signal)).map(({ digest }) => digest))
  let sent = 0
  const due: Descriptor[] = []
  for (const { document, referrer } of list) {
    if (listed.has(referrer.digest)) continue
    let done = handled.get(document)
    if (done === undefined) {
      // There, but not listed: only sending it again tells whether listing it is this client's task.
      const result = await putDocument(run, document, document.descriptor.digest)
      done = result.refused === undefined && result.subjectHandled
      sent++
    }
    if (!done) due.push(referrer)
  }
  if (due.length === 0) return sent
  return sent + (await mergeList(run, first, due))
}

async function mergeList(
  { registry, host, emit, signal }: PushRun,
  { document, subject }: Attachment,
  due: readonly Descriptor[],
): Promise<number> {
  const { repository } = document
  const tag = referrersTag(subject)
  const existing = await registry.fetchDocument(repository, tag, signal)
  const merged = mergeReferrers(existing && { mediaType: existing.descriptor.mediaType, bytes: existing.bytes }, due)
  const warn = (reason: string): number => {
    emit({
      type: 'warning',
      message: `${host} has no referrers API, and ${repository}:${tag}, the list in its place, could not be completed: ${reason}`,
      hint: `What is attached to ${subject} is there by digest, but clients will not find it.`,
    })
    return 0
  }
  if (merged.kind === 'unchanged') return 0
  if (merged.kind === 'conflict') return warn(merged.reason)
  const content = { mediaType: MEDIA.ociIndex, bytes: merged.bytes }
  const result = await registry.putDocument(repository, tag, content, signal)
  return result.refused === undefined ? 1 : warn(result.refused)
}
