import type { PlannedDocument } from '../../bundle/push-plan.ts'
import { mapParallel } from '../../oci/parallel.ts'
import type { PushRun } from './run.ts'

/** What the target has of one document. */
export interface DocumentState {
  /** It is there under its digest. */
  readonly there: boolean
  /** Tags that stand at it. */
  readonly tagged: ReadonlySet<string>
  /** Tags that stand at the filtered index that an earlier push put in its place. */
  readonly filtered: ReadonlySet<string>
}

export type Survey = (document: PlannedDocument) => DocumentState

const NOTHING: DocumentState = { there: false, tagged: new Set(), filtered: new Set() }

/** Asks the target for every manifest and tag of the plan, by HEAD. Sends nothing. */
export async function surveyTarget(run: PushRun): Promise<Survey> {
  const documents = run.plan.waves.flat()
  const states = await mapParallel(documents, run.concurrency, (document) => surveyDocument(run, document))
  const byDocument = new Map(documents.map((document, i) => [document, states[i]]))
  return (document) => byDocument.get(document) ?? NOTHING
}

async function surveyDocument({ registry, signal }: PushRun, document: PlannedDocument): Promise<DocumentState> {
  const { repository, descriptor, tags, sparse } = document
  const tagged = new Set<string>()
  const filtered = new Set<string>()
  await Promise.all(
    tags.map(async (tag) => {
      const digest = await registry.headDocument(repository, tag, signal)
      if (digest === undefined) return
      if (digest === descriptor.digest) tagged.add(tag)
      else if (digest === sparse?.filtered?.root.digest) filtered.add(tag)
    }),
  )
  const settled = filtered.size > 0 && filtered.size === tags.length
  const there =
    tagged.size > 0 ||
    (!settled && (await registry.headDocument(repository, descriptor.digest, signal)) === descriptor.digest)
  return { there, tagged, filtered }
}

/** Whether every tag of a sparse index stands at its filtered form already: the registry refused it before. */
export function isSettled(document: PlannedDocument, { filtered }: DocumentState): boolean {
  return document.tags.length > 0 && filtered.size === document.tags.length
}
