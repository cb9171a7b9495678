import type { Path, TextPlace } from './text-place.ts'

/** A parsed YAML document that knows where its values stand. */
export interface YamlDocument {
  /** The file as the user named it. */
  readonly file: string
  /** Plain data: null, booleans, numbers, strings, arrays, objects. */
  readonly value: unknown
  /** Where the value stands; the nearest parent that exists where it does not. */
  readonly placeOf: (path: Path) => TextPlace
  /** Where the key of the value stands; the value itself for items of lists. */
  readonly keyPlaceOf: (path: Path) => TextPlace
  /** An unquoted scalar as it was written (`0755` where the value is the number 755), else undefined. */
  readonly writtenAs: (path: Path) => string | undefined
}
