import type { PlannedDocument, PushPlan } from '../../bundle/push-plan.ts'
import { FerryError } from '../../errors.ts'
import type { Emit } from '../../events.ts'
import type { Registry } from '../../oci/registry.ts'

/** What every step of one push works with. */
export interface PushRun {
  readonly plan: PushPlan
  readonly registry: Registry
  /** Of the registry, for messages. */
  readonly host: string
  readonly concurrency: number
  readonly emit: Emit
  readonly signal: AbortSignal | undefined
}

/** What a registry said when it did not want a manifest. */
export interface Refusal {
  readonly refused: string
  readonly code: string
}

/** Sends one manifest or index as it is, under a tag or its digest. */
export async function putDocument(
  { registry, signal }: PushRun,
  document: PlannedDocument,
  tagOrDigest: string,
): Promise<{ readonly refused?: undefined; readonly subjectHandled: boolean } | Refusal> {
  const { repository, descriptor, bytes } = document
  return registry.putDocument(repository, tagOrDigest, { mediaType: descriptor.mediaType, bytes }, signal)
}

export function refusalError(host: string, what: string, { refused, code }: Refusal): FerryError {
  return new FerryError('registry-refused', `${host} refuses ${what}: ${refused}`, {
    hint: /quota/i.test(refused)
      ? 'Raise the quota or free space there, then run the same command again: what is there is not sent again.'
      : /UNKNOWN/.test(code)
        ? 'The registry has lost content it had said was there (a garbage collection at the same time does that). Run the same command again.'
        : 'The words are the registry’s own; its log tells more. Run the same command again once it accepts this.',
  })
}
