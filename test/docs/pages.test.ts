import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/command-list.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { loadBundle } from '../../src/config/load-bundle.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
for (const name of await readdir(join(ROOT, 'docs'))) if (name.endsWith('.md')) PAGES.push(`docs/${name}`)

/** The lines of a page's ```sh blocks that call ferry. */
function ferryLines(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
  return blocks.flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.startsWith('ferry ')),
  )
}

describe('the README', async () => {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8')
  const lines = ferryLines(text)

  it('shows the commands used most', () => {
    expect(new Set(lines.map((line) => line.split(' ')[1]))).toEqual(
      new Set(['export', 'verify', 'inspect', 'diff', 'serve', 'push']),
    )
  })

  it.each(lines)('%s: is accepted by the command line as it stands', async (line) => {
    const [, name = '', ...words] = line.split(/ +/)
    const command = await COMMANDS.find((listed) => listed.name === name)?.load()
    expect(command, name).toBeDefined()
    if (command) expect(() => parseArguments(command, words, {})).not.toThrow()
  })

  it('names scripts and bundles that are there', () => {
    const named = [...text.matchAll(/(?:\.\/)?((?:scripts|bundles)\/[\w/.-]*\w)/g)].map((match) => match[1] ?? '')
    expect(named).toContain('scripts/quickstart')
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true)
  })
})

describe.each(PAGES)('%s', (page) => {
  it('links only to pages and headings that are there', async () => {
    const text = await readFile(join(ROOT, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
      expect(existsSync(file), `${page}: ${target}`).toBe(true)
      if (anchor === undefined) continue
      const headings = [...(await readFile(file, 'utf8')).matchAll(/^#+ (.*)$/gm)].map((match) => slug(match[1] ?? ''))
      expect(headings, `${page}: ${target}`).toContain(anchor)
    }
  })
})

/** As GitHub makes them. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

describe('bundles/', async () => {
  const names = await readdir(join(ROOT, 'bundles'))

  it.each(names)('%s can be exported: it is right, and its local files are there', async (name) => {
    const folder = join(ROOT, 'bundles', name)
    const bundle = loadBundle(await readFile(join(folder, 'bundle.yaml'), 'utf8'), 'bundle.yaml', folder)
    for (const entry of [...bundle.files, ...bundle.charts])
      if (entry.kind === 'local') expect(existsSync(entry.location), entry.path).toBe(true)
  })

  it('has the one that the quickstart speaks of', () => {
    expect(names).toContain('quickstart')
  })
})
