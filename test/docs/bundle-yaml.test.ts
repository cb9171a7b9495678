import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { bundleLockSchema } from '../../src/config/bundle-lock.schema.gen.ts'
import { bundleSchema } from '../../src/config/bundle.schema.gen.ts'
import { loadBundle } from '../../src/config/load-bundle.ts'
import { parseYaml } from '../../src/config/yaml.ts'

const page = await readFile(new URL('../../docs/bundle-yaml.md', import.meta.url), 'utf8')
const example = /^```yaml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? ''

/** The fields that the first column of a section's table names. */
function fieldsOf(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const rows = [...section.matchAll(/^\| (`.*?) \|/gm)].map((match) => match[1] ?? '')
  return rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''))
}

const { definitions, properties } = bundleSchema
const described = {
  metadata: properties.metadata.properties,
  'spec.images': definitions.image.properties,
  'spec.charts': definitions.chart.properties,
  'spec.files': definitions.file.properties,
  'spec.registries': definitions.registry.properties,
}

describe('docs/bundle-yaml.md', () => {
  it.each(Object.entries(described))('names every field of %s, and none that is not there', (heading, schema) => {
    expect([...new Set(fieldsOf(heading))].toSorted()).toEqual(Object.keys(schema).toSorted())
  })

  it('has a section for everything in spec', () => {
    const headings = [...page.matchAll(/^## spec\.(\w+)$/gm)].map((match) => match[1] ?? '')
    expect(headings.toSorted()).toEqual(Object.keys(properties.spec.properties).toSorted())
  })

  it('shows an example that is right and has every field there is', () => {
    const bundle = loadBundle(example, 'bundle.yaml', '/example')
    expect(bundle.images.length + bundle.charts.length + bundle.files.length).toBeGreaterThan(5)
    const used = keysOf(parseYaml(example, 'bundle.yaml').value)
    const all = [properties, properties.spec.properties, ...Object.values(described)].flatMap(Object.keys)
    // What the publisher says a file is: too long for the example.
    expect(all.filter((key) => !used.has(key))).toEqual(['sha256'])
  })

  it('names the channel, key version and mode that a bundle.yaml without them gets', () => {
    const bundle = loadBundle(
      'apiVersion: ferry.dev/v1\nkind: Bundle\nmetadata: {name: a, version: 1.0.0}\n' +
        'spec: {platforms: [linux/amd64], files: [{name: a, path: ./a}]}\n',
      'bundle.yaml',
      '/example',
    )
    for (const [field, value] of [
      ['channel', bundle.channel],
      ['keysVersion', bundle.keysVersion],
      ['minInstalledSequence', bundle.minInstalledSequence],
      ['mode', `"${bundle.files[0]?.mode ?? ''}"`],
    ] as const)
      expect(page).toMatch(new RegExp(`^\\| \`${field}\` \\|.*\\| \`${value}\`(, any)? \\|$`, 'm'))
  })

  it('names every field of the lock, and none that is not there', () => {
    const { definitions: parts, properties: top } = bundleLockSchema
    const schemas = [top, parts.image.properties, parts.chart.properties, parts.file.properties]
    const fields = new Set(schemas.flatMap(Object.keys))
    for (const envelope of ['apiVersion', 'kind']) fields.delete(envelope)
    expect([...new Set(fieldsOf('bundle.lock.yaml'))].toSorted()).toEqual([...fields].toSorted())
    const attached = /^\| `attached` \|.*$/m.exec(page)?.[0] ?? ''
    for (const field of Object.keys(parts.attached.properties)) expect(attached).toContain(`\`${field}\``)
  })
})

function keysOf(value: unknown): Set<string> {
  if (typeof value !== 'object' || value === null) return new Set()
  return new Set(
    Object.entries(value).flatMap(([key, part]) => [...(Array.isArray(value) ? [] : [key]), ...keysOf(part)]),
  )
}
