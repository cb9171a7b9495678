/**
 * Writes what the code knows about the files people write or read: for each schemas/NAME.schema.json the types
 * (src/config/NAME.gen.ts) and the schema itself as a constant (src/config/NAME.schema.gen.ts), so that nothing is
 * read from disk at run time. With --check nothing is written and drift fails.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { compile } from 'json-schema-to-typescript'
import { format, resolveConfig } from 'prettier'

const NAMES = ['bundle', 'bundle-lock', 'release'] as const
const ROOT = new URL('../', import.meta.url)

const check = process.argv.includes('--check')
let drifted = 0
for (const name of NAMES) {
  for (const [path, text] of await generate(name)) {
    const url = new URL(path, ROOT)
    const old = await readFile(url, 'utf8').catch(() => undefined)
    if (old === text) continue
    if (check) {
      drifted++
      console.error(`${path} is not what schemas/${name}.schema.json says`)
    } else {
      await writeFile(url, text)
      console.log(`wrote ${path}`)
    }
  }
}
if (drifted > 0) {
  console.error('Run: npm run types')
  process.exitCode = 1
}

async function generate(name: (typeof NAMES)[number]): Promise<[path: string, text: string][]> {
  const source = `schemas/${name}.schema.json`
  const banner = `// Generated from ${source} by: npm run types. Changes made here are lost.`
  const text = await readFile(new URL(source, ROOT), 'utf8')
  // Minimum lengths would become tuples; the validator holds them.
  const types = await compile(JSON.parse(text) as object, name, {
    bannerComment: banner,
    ignoreMinAndMaxItems: true,
    format: false,
  })
  const constant = `${banner}\n\nexport const ${camelCase(name)}Schema = ${text}`
  return [
    [`src/config/${name}.gen.ts`, await pretty(types)],
    [`src/config/${name}.schema.gen.ts`, await pretty(constant)],
  ]
}

async function pretty(text: string): Promise<string> {
  const config = await resolveConfig(new URL('src/main.ts', ROOT))
  return format(text, { ...config, parser: 'typescript' })
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
