import { describe, expect, test } from 'vitest'
import { parseChartMetadata } from '../../../src/bundle/sources/chart-metadata.ts'

function parse(yaml: string, requirements?: string) {
  return parseChartMetadata(
    Buffer.from(yaml),
    './chart',
    requirements === undefined ? undefined : Buffer.from(requirements),
  )
}

test('the config has what helm push writes: its fields in its order, numbers as texts, nothing else', () => {
  const { config } = parse(`
version: 1.2.3
name: podinfo
apiVersion: v2
appVersion: 1.10
unknown: dropped
type: application
keywords: [a, 2]
maintainers: [{email: a@b.example, name: A, x: y}]
annotations: {b: "1", a: true}
deprecated: false
dependencies:
  - {repository: https://charts.example, name: common, version: 2.x.x, tags: [], condition: common.enabled}
`)
  expect(JSON.stringify(config)).toBe(
    '{"name":"podinfo","version":"1.2.3","keywords":["a","2"],"maintainers":[{"name":"A","email":"a@b.example"}],' +
      '"apiVersion":"v2","appVersion":"1.1","annotations":{"a":"true","b":"1"},"dependencies":[{"name":"common",' +
      '"version":"2.x.x","repository":"https://charts.example","condition":"common.enabled"}],"type":"application"}',
  )
})

test('dependencies of an old chart stand in requirements.yaml', () => {
  const chart = parse('apiVersion: v1\nname: old\nversion: 0.1.0\n', 'dependencies:\n  - name: common\n')
  expect(chart.dependencies).toEqual(['common'])
  expect(chart.config['dependencies']).toEqual([{ name: 'common', repository: '' }])
})

test.each(['1.2.3', 'v1.2.3', '1.2', '0.1.0-rc.1', '1.0.0+build.5'])('%s is a version to Helm', (version) => {
  expect(parse(`name: a\nversion: "${version}"\n`).version).toBe(version)
})

describe('refused, with the reason', () => {
  test.each([
    ['. as a name', 'name: .\nversion: 1.0.0', /"\." cannot be the name of a chart/],
    ['.. as a name', 'name: ..\nversion: 1.0.0', /"\.\." cannot be the name/],
    ['a slash in the name', 'name: a/b\nversion: 1.0.0', /"a\/b" cannot be the name/],
    ['upper case, which no registry takes', 'name: Podinfo\nversion: 1.0.0', /"Podinfo" cannot be the name/],
    ['no name', 'version: 1.0.0', /has no name/],
    ['a list as name', 'name: [a]\nversion: 1.0.0', /has no name/],
    ['no version', 'name: a', /has no version/],
    ['a word as version', 'name: a\nversion: latest', /"latest" is not a semantic version/],
    ['a path as version', 'name: a\nversion: ../1', /not a semantic version/],
    ['a line break in the version', 'name: a\nversion: "1.0.0\\n"', /not a semantic version/],
    ['no YAML', 'name: [a', /Chart\.yaml: not YAML/],
    ['a text', 'hello', /is not an object/],
    ['nothing', '', /Chart\.yaml/],
    [
      'a bomb of aliases',
      `a: &a [1,1]\n${Array.from('bcdefghijklmnopqrstuvwxyz')
        .map(
          (l, i) =>
            `${l}: &${l} [${Array(9)
              .fill(`*${String.fromCharCode(97 + i)}`)
              .join(',')}]`,
        )
        .join('\n')}`,
      /expand|excessive/,
    ],
    ['more than 1 MiB', `name: a\nversion: 1.0.0\ndescription: ${'x'.repeat(1024 * 1024)}`, /at most 1048576/],
    ['a dependency without a name', 'name: a\nversion: 1.0.0\ndependencies: [{version: 1}]', /dependency has no name/],
  ])('%s', (_, yaml, says) => {
    expect(() => parse(yaml)).toThrow(says)
    expect(() => parse(yaml)).toThrow(/^\.\/chart: Chart\.yaml/)
  })
})
