import type { CatalogEntry } from '../../oci/catalog.ts'
import { parsePlatformText, platformText, type Descriptor } from '../../oci/descriptor.ts'
import { parseDocument } from '../../oci/document.ts'
import { ANNOTATION } from '../../oci/media-types.ts'
import type { ServedContent } from '../../oci/served.ts'
import { errorAnswer, shown, textAnswer, type Answer } from './answer.ts'
import { blobAnswer, type Asked } from './content-answer.ts'

/** A file for one platform, `any` when it is for all. */
interface Variant {
  readonly platform: string
  readonly blob: Descriptor
}

/** `GET /files/NAME?platform=os/architecture`: the file itself, for people and scripts with curl. Errors are plain text. */
export function fileAnswer(content: ServedContent, name: string, asked: Asked, wanted: string | null): Answer {
  const variants = content.catalog.entries
    .filter(({ kind, repository }) => kind === 'file' && repository === `files/${name}`)
    .flatMap((entry) => readVariant(content, entry))
  if (variants.length === 0) return textAnswer(404, `There is no file ${name} here.`)
  const variant = chooseVariant(variants, wanted)
  if (variant === 'ambiguous')
    return textAnswer(
      400,
      `${name} is here for ${listOf(variants)}. Name one: /files/${name}?platform=${variants[0]?.platform ?? ''}`,
    )
  if (!variant)
    return textAnswer(404, `${name} is not here for the platform ${shown(wanted ?? '')}, only for ${listOf(variants)}.`)
  if (content.isBarred(variant.blob))
    return errorAnswer(500, 'UNKNOWN', { message: `${name} was damaged or altered; it is not given out` })
  const fileName = name.slice(name.lastIndexOf('/') + 1)
  return blobAnswer(asked, variant.blob, { 'content-disposition': `attachment; filename="${fileName}"` })
}

function readVariant(content: ServedContent, { descriptor, name }: CatalogEntry): Variant[] {
  const bytes = content.document(descriptor.digest)
  const document = bytes && parseDocument(bytes, descriptor.mediaType, name)
  if (document?.kind !== 'manifest') return []
  const [blob] = document.layers
  return blob ? [{ platform: document.annotations?.[ANNOTATION.platform] ?? 'any', blob }] : []
}

/** The one asked for; a file for any platform does for every one. */
function chooseVariant(variants: readonly Variant[], wanted: string | null): Variant | 'ambiguous' | undefined {
  const any = variants.find(({ platform }) => platform === 'any')
  if (wanted === null || wanted === '') return any ?? (variants.length > 1 ? 'ambiguous' : variants[0])
  const platform = parsePlatformText(wanted)
  const text = platform ? platformText(platform) : wanted
  return variants.find((variant) => variant.platform === text) ?? any
}

function listOf(variants: readonly Variant[]): string {
  return variants
    .map(({ platform }) => platform)
    .toSorted()
    .join(', ')
}
