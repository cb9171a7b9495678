/** Keys and indexes from the root of a document. */
export type Path = readonly (string | number)[]

/** A place in a text, both 1-based. Columns count UTF-16 units, as editors do. */
export interface TextPlace {
  readonly line: number
  readonly column: number
}

/**
 * A path as people write it: `images[3].ref`, `registries["registry.example:5000"].mirrors[0]`. The `spec` in front
 * is left out: it would stand before almost everything.
 */
export function pathText(path: Path): string {
  const shown = path[0] === 'spec' && path.length > 1 ? path.slice(1) : path
  let text = ''
  for (const part of shown) {
    if (typeof part === 'number') text += `[${part}]`
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) text += `[${JSON.stringify(part)}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}
