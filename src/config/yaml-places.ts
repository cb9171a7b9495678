import { EVENT_ID, getScalarValue, SCALAR_STYLE, type Event } from 'js-yaml'
import type { Path, TextPlace } from './text-place.ts'

/** Where the values of a document stand in its text. */
export interface Places {
  readonly placeOf: (path: Path) => TextPlace
  readonly keyPlaceOf: (path: Path) => TextPlace
  readonly writtenAs: (path: Path) => string | undefined
  /** Keys that a mapping has more than once. */
  readonly duplicates: readonly { readonly key: string; readonly place: TextPlace; readonly first: TextPlace }[]
}

/** A value in the text. Offsets are -1 where nothing is written (`key:` and no more). */
interface Node {
  readonly start: number
  /** Of plain scalars. */
  readonly end: number
  /** Where its key stands; its own start for what has none. */
  keyStart: number
  readonly children: Map<string, Node>
  /** The index of the next item, or undefined for mappings and scalars. */
  next?: number
  /** The key that waits for its value. */
  key?: { readonly text: string; readonly start: number } | undefined
  readonly isMapping: boolean
}

/** Builds the index from parser events. An alias stands where it is written; its parts stand where the anchor is. */
export function buildPlaces(events: readonly Event[], source: string): Places {
  const starts = lineStarts(source)
  const place = (offset: number): TextPlace => placeAt(starts, offset)
  const duplicates: { key: string; place: TextPlace; first: TextPlace }[] = []
  const anchors = new Map<string, Node>()
  const open: Node[] = []
  let root: Node | undefined

  const attach = (node: Node): void => {
    const parent = open.at(-1)
    if (!parent) root ??= node
    else if (parent.next !== undefined) parent.children.set(String(parent.next++), node)
    else if (parent.key) {
      node.keyStart = parent.key.start
      const first = parent.children.get(parent.key.text)
      if (first) duplicates.push({ key: parent.key.text, place: place(node.keyStart), first: place(first.keyStart) })
      else parent.children.set(parent.key.text, node)
      parent.key = undefined
    } else parent.key = { text: node.end < 0 ? '' : source.slice(node.start, node.end), start: node.start }
  }
  const note = (event: { anchorStart: number; anchorEnd: number }, node: Node): void => {
    if (event.anchorStart >= 0) anchors.set(source.slice(event.anchorStart, event.anchorEnd), node)
  }

  for (const event of events) {
    if (event.type === EVENT_ID.SCALAR) {
      const parent = open.at(-1)
      const plain = event.style === SCALAR_STYLE.PLAIN
      const block = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK
      // Quoted scalars begin behind the quote, and people look at the quote; block scalars begin on the next line, and
      // people look at the key.
      const start = plain || event.valueStart < 0 ? event.valueStart : block ? -1 : event.valueStart - 1
      const node = newNode(start, plain ? event.valueEnd : -1)
      note(event, node)
      if (parent?.isMapping && !parent.key) parent.key = { text: getScalarValue(source, event), start }
      else attach(node)
    } else if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) {
      const node = newNode(event.start, -1, event.type === EVENT_ID.MAPPING)
      if (event.type === EVENT_ID.SEQUENCE) node.next = 0
      note(event, node)
      attach(node)
      open.push(node)
    } else if (event.type === EVENT_ID.ALIAS) {
      const target = anchors.get(source.slice(event.anchorStart, event.anchorEnd))
      attach({ ...newNode(event.anchorStart - 1, -1), children: target?.children ?? new Map<string, Node>() })
    } else if (event.type === EVENT_ID.POP) open.pop()
  }

  /** The value at the path, and the last place on the way to it, of values and of their keys. */
  const find = (path: Path): { readonly node: Node | undefined; readonly start: number; readonly keyStart: number } => {
    let node = root
    let start = root?.start ?? 0
    let keyStart = start
    for (const part of path) {
      node = node?.children.get(String(part))
      if (!node) break
      // Nothing is written for `key:` and for a lone `-`.
      if (node.keyStart >= 0) keyStart = node.keyStart
      start = node.start >= 0 ? node.start : node.keyStart >= 0 ? node.keyStart : start
    }
    return { node, start, keyStart }
  }
  return {
    duplicates,
    placeOf: (path) => place(find(path).start),
    keyPlaceOf: (path) => place(find(path).keyStart),
    writtenAs: (path) => {
      const { node } = find(path)
      return node && node.start >= 0 && node.end >= 0 ? source.slice(node.start, node.end) : undefined
    },
  }
}

function newNode(start: number, end: number, isMapping = false): Node {
  return { start, end, keyStart: start, children: new Map(), isMapping }
}

/** Offsets at which lines begin (YAML 1.2, 5.4: CR LF, LF, CR). */
function lineStarts(source: string): readonly number[] {
  const starts = [0]
  for (const match of source.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length)
  return starts
}

function placeAt(starts: readonly number[], offset: number): TextPlace {
  const wanted = Math.max(offset, 0)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= wanted) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: wanted - (starts[low] ?? 0) + 1 }
}
