import type { FileEntry } from '../../config/bundle-definition.ts'
import type { File } from '../../config/bundle-lock.gen.ts'
import { FerryError } from '../../errors.ts'
import { platformText } from '../../oci/descriptor.ts'
import { digestOfHex, newHash, type Digest } from '../../oci/digest.ts'
import { retryAdviceOf } from '../../oci/store.ts'
import { contentsOfArtifact } from './artifact.ts'
import type { Resolved } from './contents.ts'
import { fileArtifact, fileName } from './file-artifact.ts'
import { explainMissing } from './missing-path.ts'
import { shownUrl } from './shown-url.ts'
import type { SourceContext } from './source-context.ts'

/** What a file is, whoever has it. */
interface Content {
  readonly digest: Digest
  readonly size: number
}

const ATTEMPTS = 8
const FIRST_DELAY_MS = 500

/**
 * Resolves a file to digest and size. One with a URL and a sha256 is not downloaded where the server tells its size.
 * @throws FerryError `registry-*`, `io-file`, `config-invalid` when there is nothing at its path, `content-invalid` when it is not what sha256 says.
 */
export async function resolveFile(entry: FileEntry, context: SourceContext): Promise<Resolved<File>> {
  const { name, mode } = entry
  const platform = entry.platform && platformText(entry.platform)
  fileName(name, platform)
  const { digest: content, size } =
    entry.kind === 'url' ? await resolveUrl(entry, context) : await hashLocal(entry, context)
  const artifact = fileArtifact({ name, mode, content, size, ...(platform !== undefined && { platform }) })
  const { descriptor } = artifact.manifest
  const locked: File = {
    name,
    ...(entry.kind === 'url' ? { url: entry.url } : { path: entry.path }),
    ...(platform !== undefined && { platform }),
    mode,
    digest: descriptor.digest,
    size: descriptor.size,
    content,
  }
  return { locked, contents: contentsOfArtifact(artifact) }
}

async function resolveUrl(
  entry: Extract<FileEntry, { readonly kind: 'url' }>,
  context: SourceContext,
): Promise<Content> {
  const { http, gate, signal } = context
  if (entry.sha256 !== undefined) {
    const size = await gate(() => http.size(entry.url, signal))
    if (size !== undefined) return { digest: digestOfHex(entry.sha256), size }
  }
  const content = await gate(() => hashUrl(entry.url, context))
  checkSha256(content, entry.sha256, shownUrl(entry.url))
  return content
}

async function hashLocal(
  entry: Extract<FileEntry, { readonly kind: 'local' }>,
  { files, signal }: SourceContext,
): Promise<Content> {
  const file = await explainMissing(entry.path, () => files.open(entry.location))
  try {
    const hash = newHash()
    for await (const piece of file.stream(0, file.size, { recycle: true })) {
      signal?.throwIfAborted()
      hash.update(piece)
    }
    const content = { digest: digestOfHex(hash.digest('hex')), size: file.size }
    checkSha256(content, entry.sha256, entry.path)
    return content
  } finally {
    await file.close()
  }
}

function checkSha256({ digest }: Content, sha256: string | undefined, where: string): void {
  if (sha256 === undefined || digest === digestOfHex(sha256)) return
  throw new FerryError('content-invalid', `${where} is ${digest}, but bundle.yaml expects sha256:${sha256}`, {
    hint: 'Compare with what the publisher says. If the file was meant to change, change sha256 in bundle.yaml.',
  })
}

/** Streams a download through SHA-256, keeping nothing; a broken connection is taken up where it broke. */
async function hashUrl(url: string, { http, clock, signal }: SourceContext): Promise<Content> {
  let hash = newHash()
  let position = 0
  let furthest = 0
  for (let failures = 0; ;) {
    try {
      const stream = await http.read(url, { offset: position, ...(signal && { signal }) })
      if (stream.offset !== position) {
        // The server starts anew, and so does the hash: between two requests the file may have changed.
        hash = newHash()
        position = 0
      }
      for await (const piece of stream.body) {
        hash.update(piece)
        position += piece.length
        if (position > furthest) {
          furthest = position
          failures = 0
        }
      }
      if (stream.size !== undefined && position !== stream.size)
        throw new FerryError('registry-protocol', `${shownUrl(url)} ended after ${position} of ${stream.size} bytes`)
      return { digest: digestOfHex(hash.digest('hex')), size: position }
    } catch (error) {
      const advice = retryAdviceOf(error)
      failures++
      if (signal?.aborted || !advice || failures >= ATTEMPTS) throw error
      await clock.sleep(Math.max(advice.afterMs ?? 0, FIRST_DELAY_MS * 2 ** (failures - 1)), signal)
    }
  }
}
