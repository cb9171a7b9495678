import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../src/errors.ts'
import { formatYaml, parseYaml, parseYamlData } from '../../src/config/yaml.ts'
import { problemsOf } from './problems-of.ts'

const TEXT = `# a comment
spec:
  list: &anchor [1, {b: 2}]
  again: *anchor
  "quoted key": |
    text
  items:
    - ref: 'q'
    -  0755
    -
  empty:
`

describe('places', () => {
  const document = parseYaml(TEXT, 'f.yaml')
  test.each([
    ['a value', ['spec', 'list', 1, 'b'], '3:25'],
    ['an item of a list', ['spec', 'items', 1], '9:8'],
    ['a mapping at its first key', ['spec', 'items', 0], '8:7'],
    ['a quoted value at its quote', ['spec', 'items', 0, 'ref'], '8:12'],
    ['an alias where it is written', ['spec', 'again'], '4:10'],
    ['what is inside an alias where it would be mended', ['spec', 'again', 1, 'b'], '3:25'],
    ['a block text at its key', ['spec', 'quoted key'], '5:3'],
    ['a key without value at the key', ['spec', 'empty'], '11:3'],
    ['an empty item at its list', ['spec', 'items', 2], '8:5'],
    ['what is not there at the nearest parent', ['spec', 'items', 0, 'no', 3], '8:7'],
    ['the document at its first key', [], '2:1'],
  ])('%s', (_, path, expected) => {
    const { line, column } = document.placeOf(path)
    expect(`${line}:${column}`).toBe(expected)
  })

  test('a key has a place of its own', () => {
    expect(document.keyPlaceOf(['spec', 'items', 0, 'ref'])).toEqual({ line: 8, column: 7 })
  })

  test('lines are counted by LF, CR LF and CR alike, and a byte order mark is no column', () => {
    for (const end of ['\n', '\r\n', '\r'])
      expect(parseYaml(`\ufeffa: 1${end}${end}b: 2${end}`, 'f').keyPlaceOf(['b'])).toEqual({ line: 3, column: 1 })
  })

  test('a number can be shown as it was written', () => {
    expect(document.writtenAs(['spec', 'items', 1])).toBe('0755')
    expect(document.writtenAs(['spec', 'items', 0, 'ref'])).toBeUndefined()
    expect(document.writtenAs(['spec', 'items'])).toBeUndefined()
  })

  test('a value of any document is found at the text that says it', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/)
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.nat(1e6),
        fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
        fc.dictionary(word, tie('node'), { minKeys: 1, maxKeys: 4 }),
      ),
    })).node
    fc.assert(
      fc.property(tree, (value) => {
        const text = formatYaml(value)
        const parsed = parseYaml(text, 'f')
        expect(parsed.value).toEqual(value)
        const lines = text.split('\n')
        for (const [path, leaf] of leavesOf(value)) {
          const { line, column } = parsed.placeOf(path)
          expect(lines[line - 1]!.slice(column - 1)).toBe(String(leaf))
        }
      }),
    )
  })
})

describe('what is refused', () => {
  test.each([
    ['bad indentation', 'a: [1\nb: 2\n', '2:1 not YAML: deficient indentation: "b: 2"'],
    ['tabs', 'a:\n\t- b\n', '2:1 not YAML: tab characters must not be used in indentation: "- b"'],
    ['an unknown alias', 'a: *q\n', '1:5 not YAML: unidentified alias "q": "a: *q"'],
    ['tags that make objects', 'a: !!js/function 1\n', '1:4 not YAML: unknown scalar tag'],
    ['an empty file', '# nothing\n', 'not YAML: the file is empty'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'not YAML: more than one document'],
    ['a merge conflict', 'a: 1\n<<<<<<< HEAD\nb: 1\n=======\n', '2:1 a merge conflict'],
    ['NUL', 'a: \0\n', '1:4 not YAML: null byte'],
    ['a file that is too large', `a: ${'x'.repeat(4 * 1024 * 1024)}`, 'the file is larger than 4194304 bytes'],
  ])('%s, with the place and what the line says', (_, text, expected) => {
    const [problem, ...others] = problemsOf(() => parseYaml(text, 'dir/f.yaml'))
    expect(problem).toContain(expected)
    expect(others).toEqual([])
  })

  test('every key that is there twice is named with its first line', () => {
    expect(problemsOf(() => parseYaml('a: 1\na: 2\nb:\n  "c": 1\n  c: 2\n  c: 3\n', 'f'))).toEqual([
      '2:1 the key "a" is there twice, first in line 1',
      '5:3 the key "c" is there twice, first in line 4',
      '6:3 the key "c" is there twice, first in line 4',
    ])
  })

  test('a bomb of aliases is refused at once', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    const bomb = lines.join('\n')
    expect(problemsOf(() => parseYaml(bomb, 'f'))[0]).toContain('aliases expand to more than 100000 values')
    expect(() => parseYamlData(bomb, 'Chart.yaml', 1e6)).toThrow(/Chart\.yaml: .*aliases expand/)
  })

  test('deep nesting is refused', () => {
    expect(problemsOf(() => parseYaml('['.repeat(50_000), 'f'))[0]).toContain('nesting exceeded')
  })

  test('arbitrary text never throws anything but the error for people', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('a1:-[]{}&*!|>\'"#%@`,? \n\t\0<')), maxLength: 60 }),
        (text) => {
          for (const parse of [() => parseYaml(text, 'f').placeOf(['a', 0]), () => parseYamlData(text, 'f', 1e6)]) {
            try {
              parse()
            } catch (error) {
              expect(error).toBeInstanceOf(FerryError)
            }
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('values', () => {
  test('are those of YAML 1.2: no dates, no yes and no, no merge keys', () => {
    expect(parseYaml('{a: yes, b: 2027-01-01T00:00:00Z, "<<": {c: 1}, d: 0x10, e: ~}', 'f').value).toEqual({
      a: 'yes',
      b: '2027-01-01T00:00:00Z',
      '<<': { c: 1 },
      d: 16,
      e: null,
    })
  })

  test('never reach a prototype', () => {
    const value = parseYaml('__proto__: {polluted: 1}\n', 'f').value as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  test('are written so that they are read as the same, by YAML 1.1 readers too', () => {
    const text = formatYaml({ mode: '0755', yes: 'yes', time: '12:30:00', version: '1.10', count: 3 })
    expect(text).toBe("mode: '0755'\n'yes': 'yes'\ntime: '12:30:00'\nversion: '1.10'\ncount: 3\n")
    fc.assert(fc.property(fc.jsonValue(), roundTrips))
  })
})

describe('data that machines write', () => {
  test('is read as YAML or as JSON', () => {
    expect(parseYamlData('a: [1, 2]\n', 'x', 100)).toEqual({ a: [1, 2] })
    expect(parseYamlData('{"a": [1, 2]}', 'x', 100)).toEqual({ a: [1, 2] })
    expect(parseYamlData('{a: [1, 2]}', 'x', 100)).toEqual({ a: [1, 2] })
    expect(parseYamlData('a: &x {b: 1}\nc: *x\n', 'x', 100)).toEqual({ a: { b: 1 }, c: { b: 1 } })
  })

  test('names itself and the line when it is not', () => {
    expect(() => parseYamlData('a: 1\na: 2\n', 'index.yaml of https://charts.example', 100)).toThrow(
      'index.yaml of https://charts.example: not YAML: duplicated mapping key in line 2',
    )
    expect(() => parseYamlData('a: 1', 'x', 3)).toThrow('x: larger than 3 bytes')
  })

  test('of 5 MB takes a second or two at most', () => {
    const entry = '  - name: a\n    version: 1.0.0\n    description: charts & more\n    urls:\n    - https://a/b.tgz\n'
    const text = `entries:\n  a:\n${entry.repeat(5_000_000 / entry.length)}`
    const start = performance.now()
    parseYamlData(text, 'index.yaml', 32e6)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})

function roundTrips(value: unknown): void {
  expect(parseYaml(formatYaml(value), 'f').value).toEqual(value)
}

function leavesOf(value: unknown, path: (string | number)[] = []): [(string | number)[], unknown][] {
  if (Array.isArray(value)) return value.flatMap((item, i) => leavesOf(item, [...path, i]))
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]))
}
