import { describe, expect, test } from 'vitest'
import { loadBundle } from '../../src/config/load-bundle.ts'
import { FerryError } from '../../src/errors.ts'
import { problemsOf } from './problems-of.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

/** A bundle.yaml around parts of `spec` (indented by two) and of `metadata` (a flow mapping's inside). */
function bundle(spec: string, metadata = ''): string {
  return `apiVersion: ferry.dev/v1
kind: Bundle
metadata: {name: quickstart, version: 1.0.0${metadata}}
spec:
  platforms: [linux/amd64, linux/arm64]
${spec}`
}

function problems(text: string): string[] {
  return problemsOf(() => loadBundle(text, 'bundle.yaml', '/srv/b'))
}

/** The problems of one list, one entry a line from line 7 on, columns and the list's name left out. */
function problemsOfList(list: 'images' | 'charts' | 'files', ...entries: string[]): string[] {
  const found = problems(bundle(`  ${list}:\n${entries.map((entry) => `    - ${entry}\n`).join('')}`))
  return found.map((problem) => problem.replace(/^\d+:\d+ /, '').replace(list, ''))
}

describe('a bundle.yaml becomes a definition', () => {
  test('with every name in its full form, every default and every place', () => {
    const text = bundle(
      `  registries:
    Registry.example:5000: {plainHttp: true, mirrors: [M.example:5000/a], caFile: ca.pem, tokenHosts: [Auth.example]}
    index.docker.io: {mirrors: [m.example]}
  images:
    - nginx
    - {ref: quay.io/prometheus/prometheus:v3.5.0, platforms: [linux/arm/v7]}
    - quay.io/x/y@${DIGEST}
  charts:
    - {name: podinfo, version: 6.9.1, repo: https://charts.example/stable}
    - {ref: oci://registry-1.docker.io/charts/podinfo:6.9.1+build}
    - {path: ../charts/podinfo}
  files:
    - {name: kubeadm, url: https://dl.example/kubeadm, sha256: ${'b'.repeat(64)}, platform: linux/amd64, mode: "0755"}
    - {name: site-handbook, path: /docs/handbook.pdf}
`,
      ', channel: beta, sequence: 7, minInstalledSequence: 3, notAfter: 2027-01-01T00:30:00.9+01:00, keysVersion: 2',
    )
    const amd64 = { os: 'linux', architecture: 'amd64' }
    const arm64 = { os: 'linux', architecture: 'arm64' }
    expect(loadBundle(text, 'dir/bundle.yaml', '/srv/b')).toEqual({
      file: 'dir/bundle.yaml',
      folder: '/srv/b',
      name: 'quickstart',
      version: '1.0.0',
      channel: 'beta',
      sequence: 7,
      minInstalledSequence: 3,
      notAfter: '2026-12-31T23:30:00Z',
      keysVersion: 2,
      platforms: [amd64, arm64],
      registries: {
        'registry.example:5000': {
          plainHttp: true,
          mirrors: ['m.example:5000/a'],
          caFile: '/srv/b/ca.pem',
          tokenHosts: ['auth.example'],
        },
        'docker.io': { mirrors: ['m.example'] },
      },
      images: [
        {
          place: { line: 10, column: 7, path: 'images[0]' },
          reference: { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' },
          platforms: [amd64, arm64],
        },
        {
          place: { line: 11, column: 7, path: 'images[1]' },
          reference: { registry: 'quay.io', repository: 'prometheus/prometheus', tag: 'v3.5.0' },
          platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }],
        },
        {
          place: { line: 12, column: 7, path: 'images[2]' },
          reference: { registry: 'quay.io', repository: 'x/y', digest: DIGEST },
          platforms: [amd64, arm64],
        },
      ],
      charts: [
        {
          place: { line: 14, column: 7, path: 'charts[0]' },
          kind: 'repository',
          name: 'podinfo',
          version: '6.9.1',
          repo: 'https://charts.example/stable',
        },
        {
          place: { line: 15, column: 7, path: 'charts[1]' },
          kind: 'oci',
          reference: { registry: 'docker.io', repository: 'charts/podinfo', tag: '6.9.1_build' },
        },
        {
          place: { line: 16, column: 7, path: 'charts[2]' },
          kind: 'local',
          path: '../charts/podinfo',
          location: '/srv/charts/podinfo',
        },
      ],
      files: [
        {
          place: { line: 18, column: 7, path: 'files[0]' },
          kind: 'url',
          name: 'kubeadm',
          url: 'https://dl.example/kubeadm',
          sha256: 'b'.repeat(64),
          platform: amd64,
          mode: '0755',
        },
        {
          place: { line: 19, column: 7, path: 'files[1]' },
          kind: 'local',
          name: 'site-handbook',
          path: '/docs/handbook.pdf',
          location: '/docs/handbook.pdf',
          mode: '0644',
        },
      ],
    })
  })

  test('with defaults for all that is optional', () => {
    const definition = loadBundle(bundle('  images: [nginx]\n'), 'bundle.yaml', '/srv/b')
    expect(definition).toMatchObject({ channel: 'stable', minInstalledSequence: 0, notAfter: null, keysVersion: 1 })
    expect(definition).toMatchObject({ registries: {}, charts: [], files: [] })
    expect(definition).not.toHaveProperty('sequence')
  })
})

describe('mistakes', () => {
  test('of every kind are reported together, in the order of the file', () => {
    const text = `apiVersion: ferry.dev/v2
metadata: {name: Quick_Start, verison: 1.0.0, notAfter: tomorrow}
spec:
  platforms: [linux-amd64]
  images:
    - nginx:1.29
    - docker.io/library/nginx:1.29
    - {rf: nginx}
  charts:
    - {name: podinfo, version: ^6, repo: ftp://charts.example}
  files: []
`
    expect(problems(text)).toEqual([
      '1:1 kind is missing. Expected: kind: Bundle',
      '1:13 apiVersion: expected "ferry.dev/v1", found "ferry.dev/v2"',
      expect.stringMatching(/^2:18 metadata\.name: "Quick_Start": not a name\. Expected lower-case letters/),
      '2:31 metadata.verison: unknown key. Did you mean version?',
      expect.stringMatching(/^2:57 metadata\.notAfter: "tomorrow": expected a time with its zone/),
      '4:15 platforms[0]: "linux-amd64": not a platform. Expected os/architecture[/variant], as linux/arm64.',
      '7:7 images[1]: docker.io/library/nginx:1.29 is already carried by images[0]',
      '8:8 images[2].rf: unknown key. Did you mean ref?',
      '10:32 charts[0].version: "^6": not an exact version. Expected one like 6.9.1; ranges are not followed.',
      '10:42 charts[0].repo: "ftp://charts.example": expected an address with https:// or http://',
      '11:10 files: the list is empty',
    ])
  })

  test('are counted in the message', () => {
    expect(() => loadBundle(bundle('  images: [A, B]\n'), 'dir/b.yaml', '/')).toThrow('dir/b.yaml: 2 problems')
    expect(() => loadBundle(bundle('  images: [A]\n'), 'dir/b.yaml', '/')).toThrow(/^dir\/b\.yaml: 1 problem$/)
  })

  test('a file that is no mapping at all is one mistake', () => {
    expect(problems('just text')).toEqual(['1:1 expected a mapping, found "just text"'])
    expect(problems('~')).toEqual(['1:1 expected a mapping, found nothing'])
  })

  test('nothing to carry is a mistake', () => {
    expect(problems(bundle(''))).toEqual(['4:1 spec: nothing to carry'])
    expect(problems(bundle('  registries: {}\n'))).toEqual(['4:1 spec: nothing to carry'])
  })

  test('a sequence that could never be installed over itself is a mistake', () => {
    expect(problems(bundle('  images: [a]\n', ', sequence: 3, minInstalledSequence: 4'))).toEqual([
      "3:81 metadata.minInstalledSequence: 4 is higher than the bundle's own sequence, 3",
    ])
  })

  test.each([
    '2027-02-30T00:00:00Z',
    '2027-01-01',
    '2027-01-01T00:00:00',
    '2027-01-01T24:00:00Z',
    '2027-01-01T00:00:60Z',
  ])('%s is no end for a bundle', (time) => {
    expect(problems(bundle('  images: [a]\n', `, notAfter: "${time}"`))[0]).toContain(`"${time}": expected a time`)
  })
})

describe('images', () => {
  test('that cannot be read are shown with the reason', () => {
    expect(problemsOfList('images', 'nginx:1:2', 'nginx@sha256:12', 'Foo/bar', '{ref: ""}')).toEqual([
      expect.stringContaining('[0]: not an image name: "nginx:1:2"'),
      expect.stringContaining('[1]: not an image name: "nginx@sha256:12": after @'),
      expect.stringContaining('[2]: not an image name: "Foo/bar": the path must be in lower case'),
      expect.stringContaining('[3].ref: not an image name: ""'),
    ])
  })

  test('are carried once, whatever their spelling and platforms', () => {
    const other = '{ref: nginx, platforms: [linux/s390x]}'
    expect(problemsOfList('images', 'nginx', 'docker.io/nginx:latest', other, 'nginx:1.29')).toEqual([
      '[1]: docker.io/library/nginx:latest is already carried by images[0]',
      '[2].ref: docker.io/library/nginx:latest is already carried by images[0]',
    ])
  })

  test('have one digest for a tag', () => {
    expect(problemsOfList('images', 'a.b/c:1', `a.b/c:1@${DIGEST}`, `a.b/c@${DIGEST}`)).toEqual([
      '[1]: a.b/c:1 stands for something else than in images[0]; a tag has one digest',
    ])
  })

  test('a password in a wrong name is not shown', () => {
    const text = problemsOfList('images', 'https://me:secret@host/x').join()
    expect(text).toContain('https://***@host/x')
    expect(text).not.toContain('secret')
  })

  test('of a wrong type give one message each', () => {
    expect(problemsOfList('images', '3', '[nginx]', '{ref: 1.10}', '')).toEqual([
      '[3]: expected text or a mapping, found nothing',
      '[0]: expected text or a mapping, found 3',
      '[1]: expected text or a mapping, found a list',
      '[2].ref: expected text, found the number 1.10',
    ])
  })
})

describe('charts', () => {
  test('come from exactly one place, with what it needs', () => {
    expect(
      problemsOfList(
        'charts',
        '{name: a, version: 1.0.0}',
        '{name: a, repo: "https://c.example"}',
        '{repo: "https://c.example", path: a}',
        '{ref: "oci://c.example/a:1.0.0", version: 1.0.0}',
        '{path: b, name: b}',
      ),
    ).toEqual([
      '[0]: does not say where the chart comes from',
      '[1]: version is missing; a chart of a repository has name, version and repo',
      '[2].path: repo and path exclude each other; a chart comes from one place',
      '[3].version: version goes into ref: oci://host/path/name:version',
      '[4].name: name goes with repo only; a local chart has its own in Chart.yaml',
    ])
  })

  test('of a registry name its host, and a version or digest', () => {
    expect(
      problemsOfList(
        'charts',
        '{ref: "oci://charts/a:1.0.0"}',
        '{ref: "oci://c.example:5000/a"}',
        '{ref: "oci://c.example/A:1"}',
        '{ref: "c.example/a:1"}',
        `{ref: "oci://c.example/a@${DIGEST}"}`,
      ),
    ).toEqual([
      '[0].ref: "oci://charts/a:1.0.0" does not begin with a registry\'s host',
      '[1].ref: "oci://c.example:5000/a" has neither a version nor a digest',
      '[2].ref: not an image name: "c.example/A:1": the path must be in lower case',
      '[3].ref: "c.example/a:1": not an OCI chart. Expected oci://host/path/name:version.',
    ])
  })

  test('are carried once', () => {
    expect(
      problemsOfList(
        'charts',
        '{name: a, version: 1.0.0, repo: "https://c.example"}',
        '{name: a, version: 1.0.0, repo: "https://d.example"}',
        '{path: ./a}',
        '{path: b/../a}',
        '{ref: "oci://c.example/a:1+b"}',
        '{ref: "oci://C.example/a:1_b"}',
      ),
    ).toEqual([
      '[1]: chart a 1.0.0 is already carried by charts[0]',
      '[3]: /srv/b/a is already carried by charts[2]',
      '[5]: oci://c.example/a:1_b is already carried by charts[4]',
    ])
  })

  test('have a name that registries take', () => {
    expect(problemsOfList('charts', '{name: a..b, version: 1.0.0, repo: "https://c.example"}')).toEqual([
      '[0].name: "a..b" cannot be a name in a registry',
    ])
  })

  test('come from addresses without credentials, and those are not shown', () => {
    const [problem] = problemsOfList('charts', '{name: a, version: 1.0.0, repo: "https://me:secret@c.example"}')
    expect(problem).toContain('credentials do not belong into this file')
    expect(problem).not.toContain('secret')
  })
})

describe('files', () => {
  test('come from exactly one place', () => {
    expect(problemsOfList('files', '{name: a}', '{name: b, url: "https://c.example", path: b}')).toEqual([
      '[0]: does not say where the file comes from',
      '[1].path: url and path exclude each other; a file comes from one place',
    ])
  })

  test('come over http(s), without credentials', () => {
    const found = problemsOfList(
      'files',
      '{name: a, url: "file:///etc/x"}',
      '{name: b, url: "https://u:secret@c.example"}',
    )
    expect(found[0]).toBe('[0].url: "file:///etc/x": expected an address with https:// or http://')
    expect(found[1]).toContain('[1].url: "https://***@c.example": credentials do not belong')
  })

  test('are carried once for a platform', () => {
    const one = (platform: string): string => `{name: kubeadm, path: x${platform}}`
    expect(
      problemsOfList(
        'files',
        one(', platform: linux/amd64'),
        one(', platform: linux/arm64'),
        one(''),
        one(', platform: linux/amd64'),
      ),
    ).toEqual(['[3]: kubeadm for linux/amd64 is already carried by files[0]'])
  })

  test('a mode without quotes is shown as it was written, with the remedy', () => {
    expect(problemsOfList('files', '{name: a, path: a, mode: 0755}')).toEqual([
      '[0].mode: expected text, found the number 0755',
    ])
    expect(problemsOfList('files', '{name: a, path: a, mode: "755"}')).toEqual([
      '[0].mode: "755": not a file mode. Expected four octal digits in quotes, as "0755".',
    ])
  })

  test('a mode that would not do in quotes either is not told to be put in quotes', () => {
    const hints = (mode: string): unknown => {
      try {
        return loadBundle(bundle(`  files: [{name: a, path: a, mode: ${mode}}]\n`), 'bundle.yaml', '/srv/b')
      } catch (error) {
        return error instanceof FerryError && error.problems.map(({ hint }) => hint)
      }
    }
    expect(hints('0755')).toEqual(['Write it in quotes: "0755"'])
    expect(hints('755')).toEqual(['Not a file mode. Expected four octal digits in quotes, as "0755".'])
  })
})

describe('registries', () => {
  test('are hosts with well-formed mirrors and token hosts', () => {
    const text = bundle(`  images: [nginx]
  registries:
    https://a.example: {}
    registry: {}
    a.example:70000: {}
    docker.io: {mirrors: ["http://m", "m:5000/Upper", "m.example/a/b"], tokenHosts: ["t/x", "t.example"]}
    index.docker.io: {}
    "[::1]:5000": {plainHttp: true}
`)
    expect(problems(text).map((problem) => problem.replace(/^\d+:\d+ registries/, ''))).toEqual([
      '["https://a.example"]: expected host or host:port, without https:// and without a path',
      '.registry: no image name begins with this; a host has a dot or a port, or is localhost',
      '["a.example:70000"]: expected host or host:port, without https:// and without a path',
      '["docker.io"].mirrors[0]: "http://m": expected host[:port][/prefix], as mirror.example:5000/quay.io',
      '["docker.io"].mirrors[1]: "m:5000/Upper": expected host[:port][/prefix], as mirror.example:5000/quay.io',
      '["docker.io"].tokenHosts[0]: "t/x": expected host or host:port',
      '["index.docker.io"]: the same registry as "docker.io"',
    ])
  })
})
