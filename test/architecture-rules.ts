import { posix } from 'node:path'
import ts from 'typescript'

/** The house as a table. Paths are relative to `src/`, with `/`. */

const BASE = ['errors.ts', 'events.ts', 'ports.ts']

/** Who may import whom; a folder may always import itself. `adapters` and `main.ts` have rules of their own below. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'events.ts': ['errors.ts'],
  'ports.ts': ['errors.ts', 'events.ts'],
  oci: BASE,
  config: [...BASE, 'oci'],
  trust: [...BASE, 'oci', 'config'],
  bundle: [...BASE, 'oci', 'config', 'trust'],
  install: [...BASE, 'oci', 'config', 'trust', 'bundle'],
  app: [...BASE, 'oci', 'config', 'trust', 'bundle', 'install'],
  cli: [...BASE, 'oci', 'config', 'trust', 'bundle', 'install', 'app'],
}

/** Each vendor package lives in one folder, so that it can be replaced there. */
const VENDOR_HOME: Readonly<Record<string, string>> = {
  ajv: 'config/',
  'js-yaml': 'config/',
  listr2: 'cli/render/',
  'p-limit': 'oci/',
  tar: 'adapters/tar/',
  undici: 'adapters/registry/',
}

/** Bytes in, values out: of Node these folders get what computes, nothing that reaches outside. */
const PURE = ['oci/', 'config/', 'trust/', 'bundle/', 'install/plan']
const COMPUTING = ['node:buffer', 'node:crypto', 'node:events', 'node:path', 'node:stream', 'node:util', 'node:zlib']

const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.schema)?(\.gen)?\.ts$/
const NAMES_OF_NOTHING = /^(index|utils?|helpers?|common|misc)(\.|$)/

/** What a file imports and exports, as far as the rules ask. */
interface Shape {
  readonly imports: readonly string[]
  readonly computedImport: boolean
  readonly defaultExport: boolean
}

/**
 * Checks a tree of sources.
 * @param files texts by path relative to `src/`.
 * @returns one sentence for each violation, sorted; empty when the house is in order.
 */
export function findViolations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  const edges = new Map<string, string[]>()
  for (const [path, text] of files) {
    const shape = shapeOf(path, text)
    const name = posix.basename(path)
    if (!FILE_NAME.test(name)) found.push(`${path}: the name is not kebab-case`)
    if (NAMES_OF_NOTHING.test(name)) found.push(`${path}: the name says nothing about its one concern`)
    if (shape.defaultExport) found.push(`${path}: has a default export`)
    if (shape.computedImport) found.push(`${path}: imports a computed name`)
    const targets: string[] = []
    for (const specifier of shape.imports) {
      if (!specifier.startsWith('.')) {
        found.push(...checkPackage(path, specifier))
        continue
      }
      const target = posix.normalize(posix.join(posix.dirname(path), specifier))
      if (!files.has(target)) found.push(`${path}: imports ${specifier}, which is no file of src`)
      else if (!mayImport(path, target)) found.push(`${path}: must not import ${target}`)
      targets.push(target)
    }
    edges.set(path, targets)
  }
  return [...found, ...findCycles(edges)].sort()
}

function mayImport(from: string, to: string): boolean {
  const [fromArea, toArea] = [areaOf(from), areaOf(to)]
  if (from === 'main.ts') return true
  if (fromArea === 'adapters') {
    if (toArea === 'adapters') return adapterOf(from) === adapterOf(to)
    return BASE.includes(to) || toArea === 'oci' || /^bundle\/layout[^/]*\.ts$/.test(to)
  }
  return fromArea === toArea || (MAY_IMPORT[fromArea] ?? []).includes(toArea)
}

function checkPackage(path: string, specifier: string): string[] {
  if (specifier.startsWith('node:')) {
    const computing = COMPUTING.some((module) => specifier === module || specifier.startsWith(`${module}/`))
    return PURE.some((area) => path.startsWith(area)) && !computing ? [`${path}: does I/O by ${specifier}`] : []
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const home = VENDOR_HOME[name]
  if (home === undefined) return [`${path}: ${name} has no home in the table of vendor packages`]
  return path.startsWith(home) ? [] : [`${path}: imports ${name}, which lives in ${home}`]
}

/** Each cycle once, beginning at its first file by name. */
function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles = new Set<string>()
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string) => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const cycle = trail.slice(start)
      const first = cycle.indexOf(cycle.toSorted()[0] ?? path)
      cycles.add([...cycle.slice(first), ...cycle.slice(0, first + 1)].join(' -> '))
      return
    }
    if (done.has(path)) return
    trail.push(path)
    for (const target of edges.get(path) ?? []) visit(target)
    trail.pop()
    done.add(path)
  }
  for (const path of edges.keys()) visit(path)
  return [...cycles].map((cycle) => `cycle: ${cycle}`)
}

function areaOf(path: string): string {
  return path.split('/')[0] ?? path
}

/** `adapters/registry/http.ts` is of `registry`. */
function adapterOf(path: string): string | undefined {
  return path.split('/')[1]
}

function shapeOf(path: string, text: string): Shape {
  const imports: string[] = []
  let computedImport = false
  let defaultExport = false
  const addImport = (name: ts.Node | undefined) => {
    if (name && ts.isStringLiteralLike(name)) imports.push(name.text)
    else computedImport = true
  }
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node)) addImport(node.moduleSpecifier)
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) addImport(node.moduleSpecifier)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      addImport(node.arguments[0])
    else if (ts.isImportTypeNode(node))
      addImport(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined)
    if (ts.isExportAssignment(node) || isDefaultExport(node)) defaultExport = true
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
  return { imports, computedImport, defaultExport }
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportSpecifier(node)) return node.name.text === 'default'
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)
  )
}
