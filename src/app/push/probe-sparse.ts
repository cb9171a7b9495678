import type { PlannedDocument } from '../../bundle/push-plan.ts'
import { FerryError } from '../../errors.ts'
import { platformText } from '../../oci/descriptor.ts'
import { isRunnable } from '../../oci/document.ts'
import { mapParallel } from '../../oci/parallel.ts'
import { putDocument, type PushRun, type Refusal } from './run.ts'
import type { Survey } from './survey.ts'

/**
 * Before anything else is sent: does the registry take the sparse indexes of images that are pinned by digest? There is
 * nothing to fall back on for them, so the answer must be known first, and only the registry knows it. So each such index is
 * sent under its own digest, before its manifests:
 *
 * - A registry that wants every manifest of an index refuses it at once, and keeps nothing of it: nothing was sent.
 * - A registry that takes sparse indexes, or looks at them later or never, keeps it. That is what the push would have
 *   done anyway; no tag stands at it yet, and until the manifests follow only someone who knows the digest could see it.
 * - A registry may insist on some platforms only (distribution 3, `validation.manifests.indexes.platforms: list`) and refuse
 *   just because these have not come yet. Its words cannot be relied on to tell the two apart (many name only the first
 *   manifest they miss), and sending content to find out would break the promise; so this counts as a refusal. By tag
 *   such an image goes in whole, and from then on pinned as well.
 *
 * One after another, so that after the first refusal nothing more is sent. Indexes that are there, and those whose
 * missing manifests the target has from elsewhere, need no question.
 * @throws FerryError `registry-refused` naming the images and the ways out.
 */
export async function probePinnedSparse(run: PushRun, survey: Survey): Promise<void> {
  const { plan, registry, concurrency, signal } = run
  const pinned = plan.waves.flat().filter((document) => document.pinned && document.sparse && !survey(document).there)
  const questions: PlannedDocument[] = []
  for (const document of pinned) {
    const found = await mapParallel(document.sparse?.absent ?? [], concurrency, ({ digest }) =>
      registry.headDocument(document.repository, digest, signal),
    )
    if (found.some((digest) => digest === undefined)) questions.push(document)
  }
  for (const [i, document] of questions.entries()) {
    const result = await putDocument(run, document, document.descriptor.digest)
    if (result.refused !== undefined) throw refusesPinned(run.host, questions.slice(i), result)
  }
}

function refusesPinned(host: string, documents: readonly PlannedDocument[], { refused }: Refusal): FerryError {
  const images = documents.map(({ name }) => name).toSorted()
  return new FerryError(
    'registry-refused',
    `${host} refuses indexes that name platforms the bundle does not carry, and images pinned by digest may get no other ` +
      `index in their place: ${images.join(', ')}. Nothing was sent. The registry said: ${refused}`,
    { hint: waysOut(documents) },
  )
}

/** For a sparse index that nothing may replace, when the registry refuses it after its manifests are there. */
export function refusesSparse(host: string, document: PlannedDocument, { refused }: Refusal): FerryError {
  return new FerryError(
    'registry-refused',
    `${host} refuses ${document.name}, an index that names platforms the bundle does not carry: ${refused}`,
    { hint: waysOut([document]) },
  )
}

function waysOut(documents: readonly PlannedDocument[]): string {
  const absent = documents.flatMap(({ sparse }) => sparse?.absent ?? [])
  const platforms = new Set(
    absent.flatMap((child) => (isRunnable(child) && child.platform ? platformText(child.platform) : [])),
  )
  const missing = [...platforms].toSorted().join(', ')
  return (
    `Export all their platforms${missing === '' ? '' : ` (add ${missing} to platforms: of the image)`}, ` +
    'or name them by tag instead of digest in bundle.yaml, or push into a registry that takes sparse indexes.'
  )
}
