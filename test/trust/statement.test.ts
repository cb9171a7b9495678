import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { releaseSchema } from '../../src/config/release.schema.gen.ts'
import { buildStatement, MAX_STATEMENT_BYTES, parseStatement } from '../../src/trust/statement.ts'
import { SAMPLE, sampleStatement, thrownBy } from './sample-release.ts'

const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(releaseSchema)
const text = new TextDecoder().decode(sampleStatement())
const encode = (value: string): Uint8Array => new TextEncoder().encode(value)
/** The statement as an editable value. */
const sampleValue = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
const withSubject = (subject: unknown): Uint8Array => {
  const value = sampleValue()
  value['subject'] = [...(value['subject'] as unknown[]), subject]
  return encode(`${JSON.stringify(value)}\n`)
}
const named = (name: unknown): Uint8Array =>
  withSubject({ name, digest: { sha256: 'd'.repeat(64) }, annotations: { size: 1 } })
const withPredicate = (changes: Record<string, unknown>): Uint8Array => {
  const value = sampleValue()
  value['predicate'] = { ...(value['predicate'] as object), ...changes }
  return encode(`${JSON.stringify(value)}\n`)
}
const messageOf = (bytes: Uint8Array): string => {
  const error = thrownBy(() => parseStatement(bytes))
  expect(error).toMatchObject({ code: 'bundle-format' })
  const { message } = error as Error
  // One line that is safe to print, whatever the input held.
  expect(message).toMatch(/^ferry\/release\.json: [ -~…]*$/)
  expect(message.length).toBeLessThan(600)
  return message
}

it('is written in exactly these bytes', () => {
  expect(text).toBe(
    '{"_type":"https://in-toto.io/Statement/v1","subject":[' +
      '{"name":"oci-layout","digest":{"sha256":"18f0797eab35a4597c1e9624aa4f15fd91f6254e5538c1e0d193b2a95dd4acc6"},"annotations":{"size":30}},' +
      `{"name":"index.json","digest":{"sha256":"${'b'.repeat(64)}"},"annotations":{"size":812}},` +
      `{"name":"blobs/sha256/${'c'.repeat(64)}","digest":{"sha256":"${'c'.repeat(64)}"},"annotations":{"size":5000000000}}],` +
      '"predicateType":"https://ferry.dev/release/v1","predicate":{"product":"platform","channel":"stable","version":"1.4.0",' +
      '"sequence":42,"minInstalledSequence":0,"issuedAt":"2026-03-01T12:00:00Z","notAfter":"2027-03-01T12:00:00Z","keysVersion":1}}\n',
  )
})

it('is read back as it was written, and agrees with its schema', () => {
  const name = fc
    .array(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'))
  const subject = fc.record({
    name,
    sha256: fc.stringMatching(/^[a-f0-9]{64}$/),
    size: fc.integer({ min: 0, max: 2 ** 40 }),
  })
  fc.assert(
    fc.property(
      fc.uniqueArray(subject, { minLength: 2, maxLength: 9, selector: (entry) => entry.name }),
      fc.maxSafeNat().map((n) => Math.max(1, n)),
      fc.boolean(),
      (subjects, sequence, ends) => {
        const notAfter = ends ? SAMPLE.notAfter : null
        const bytes = buildStatement({ ...SAMPLE, subjects, sequence, notAfter })
        const statement = parseStatement(bytes)
        expect(validate(statement)).toBe(true)
        expect(statement).toEqual(JSON.parse(new TextDecoder().decode(bytes)))
        expect(statement.subject.map((entry) => entry.name)).toEqual(subjects.map((entry) => entry.name))
        expect(statement.predicate).toMatchObject({ sequence, notAfter })
      },
    ),
    { numRuns: 50 },
  )
})

describe('a subject', () => {
  it.each([
    '../etc/passwd',
    '..',
    '.',
    'blobs/../../x',
    'blobs/./x',
    'blobs/sha256/..',
    '/etc/passwd',
    'blobs//x',
    'blobs/',
    'blobs\\x',
    'C:x',
    'a\0b',
    'a\nb',
    'a\u001b[31mb',
    'a b',
    'bücher',
    '\u202egnp.exe',
    '',
    'x'.repeat(101),
    7,
    null,
    ['x'],
  ])('named %j is refused by the reader and by the schema', (name) => {
    expect(messageOf(named(name))).toMatch(/subject\[3\]/)
    const value: unknown = JSON.parse(new TextDecoder().decode(named(name)))
    expect(validate(value)).toBe(false)
  })

  it.each(['...', 'a..b', '.hidden', '-rf', 'a/.../b', 'x'.repeat(100)])('may be named %j', (name) => {
    const bytes = named(name)
    expect(parseStatement(bytes).subject.at(-1)?.name).toBe(name)
    expect(validate(JSON.parse(new TextDecoder().decode(bytes)))).toBe(true)
  })

  it.each(['ferry/release.json', 'ferry/release.json.3f9a2c11.sig', 'ferry/release.json/x'])(
    'cannot be %s, which the statement cannot speak for',
    (name) => {
      expect(messageOf(named(name))).toContain('the statement itself or a signature of it')
    },
  )

  it('is named once', () => {
    expect(messageOf(named('index.json'))).toMatch(/subject\[3\]: index\.json is there twice/)
  })

  it.each([
    ['no digest', { name: 'x', annotations: { size: 1 } }, /subject\[3\] has no digest/],
    ['sha512 beside it', subjectWith({ sha256: 'd'.repeat(64), sha512: '' }), /unknown field "sha512"/],
    ['an upper-case digest', subjectWith({ sha256: 'D'.repeat(64) }), /sha256 of x/],
    ['a short digest', subjectWith({ sha256: 'd'.repeat(63) }), /sha256 of x/],
    ['a digest with a prefix', subjectWith({ sha256: `sha256:${'d'.repeat(64)}` }), /sha256 of x/],
    ['an unknown field', { ...subjectWith({ sha256: 'd'.repeat(64) }), uri: 'x' }, /unknown field "uri"/],
    ['a negative size', sized(-1), /size of x is -1/],
    ['a broken size', sized(1.5), /size of x is 1\.5/],
    ['a size as text', sized('1'), /size of x is "1"/],
    ['a size over 1 TiB', sized(2 ** 40 + 1), /size of x/],
    ['nothing at all', null, /subject\[3\] is not an object/],
    ['a list', [], /subject\[3\] is not an object/],
  ])('is refused with %s, by the reader and by the schema', (_, subject, message) => {
    const bytes = withSubject(subject)
    expect(messageOf(bytes)).toMatch(message)
    expect(validate(JSON.parse(new TextDecoder().decode(bytes)))).toBe(false)
  })
})

describe('a statement', () => {
  it.each([
    ['another _type', text.replace('Statement/v1', 'Statement/v0.1'), /_type is/],
    ['another predicateType', text.replace('release/v1', 'release/v2'), /predicateType is/],
    ['an unknown field', text.replace('{"_type"', '{"x":1,"_type"'), /unknown field "x"/],
    ['__proto__', text.replace('{"_type"', '{"__proto__":{},"_type"'), /unknown field "__proto__"/],
    ['a missing field', text.replace('"keysVersion":1', '"keysVersions":1'), /unknown field "keysVersions"/],
    ['no field', '{}\n', /has no _type/],
    ['one subject', text.replace(/"subject":\[.*?\}\},.*\],/, '"subject":[{}],'), /subject has 1 entries/],
    ['a list instead', '[]\n', /is not an object/],
    ['no JSON', '{"_type":\n', /not JSON/],
    ['nothing', '', /not JSON/],
  ])('is refused with %s', (_, changed, message) => {
    expect(changed).not.toBe(text)
    expect(messageOf(encode(changed))).toMatch(message)
  })

  it.each([
    ['a space', text.replace(',"subject"', ', "subject"')],
    ['no newline at its end', text.trimEnd()],
    ['more behind its end', `${text}\n`],
    [
      'fields in another order',
      text.replace('"sequence":42,"minInstalledSequence":0', '"minInstalledSequence":0,"sequence":42'),
    ],
    ['a field twice', text.replace('"sequence":42', '"sequence":7,"sequence":42')],
    ['a subject list twice', text.replace('{"_type"', '{"subject":[],"_type"')],
    ['a number written otherwise', text.replace('"sequence":42', '"sequence":4.2e1')],
    ['minus zero', text.replace('Sequence":0', 'Sequence":-0')],
    ['an escaped letter', text.replace('"platform"', '"pl\\u0061tform"')],
    ['a tab in front', `\t${text}`],
    ['Windows line ends', text.replace('\n', '\r\n')],
  ])('means one thing only: refused with %s', (_, changed) => {
    expect(changed).not.toBe(text)
    // Other readers take it.
    expect(() => JSON.parse(changed) as unknown).not.toThrow()
    expect(messageOf(encode(changed))).toMatch(/not written in the one accepted form|more bytes behind its end/)
  })

  it('is refused with a byte order mark or bytes that are not UTF-8', () => {
    expect(messageOf(encode(`\ufeff${text}`))).toContain('not JSON')
    expect(messageOf(Buffer.concat([encode(text), Buffer.from([0xff])]))).toContain('not JSON')
  })

  it.each([
    [{ sequence: 0 }],
    [{ sequence: 2 ** 53 }],
    [{ sequence: 1.5 }],
    [{ sequence: '42' }],
    [{ minInstalledSequence: -1 }],
    [{ keysVersion: 0 }],
    [{ keysVersion: null }],
    [{ product: '' }],
    [{ product: 'a\u001b[2Jb' }],
    [{ product: 'a b' }],
    [{ version: 'x'.repeat(256) }],
    [{ channel: '../x' }],
    [{ channel: 1 }],
    [{ issuedAt: '2026-03-01' }],
    [{ issuedAt: '2026-03-01T12:00:00.000Z' }],
    [{ issuedAt: '2026-03-01T12:00:00+01:00' }],
    [{ issuedAt: null }],
    [{ notAfter: 'never' }],
    [{ notAfter: 0 }],
    [{ extra: 1 }],
  ])('is refused with the predicate %j, by the reader and by the schema', (changes) => {
    const bytes = withPredicate(changes)
    expect(messageOf(bytes)).toContain('predicate')
    expect(validate(JSON.parse(new TextDecoder().decode(bytes)))).toBe(false)
  })

  it.each([
    '2026-02-30T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T12:60:00Z',
    '2026-06-30T23:59:60Z',
  ])('is refused with a time there is not: %s', (time) => {
    expect(messageOf(withPredicate({ issuedAt: time }))).toContain('predicate.issuedAt')
    expect(messageOf(withPredicate({ notAfter: time }))).toContain('predicate.notAfter')
  })

  it('is issued at a time that a tar header can hold', () => {
    expect(messageOf(withPredicate({ issuedAt: '1969-12-31T23:59:59Z' }))).toContain('between 1970 and 2242')
    expect(messageOf(withPredicate({ issuedAt: '2242-03-16T12:56:32Z' }))).toContain('between 1970 and 2242')
    for (const issuedAt of ['1970-01-01T00:00:00Z', '2242-03-16T12:56:31Z'])
      expect(parseStatement(withPredicate({ issuedAt })).predicate.issuedAt).toBe(issuedAt)
  })

  it('is refused over 64 MiB before it is read', () => {
    expect(messageOf(new Uint8Array(MAX_STATEMENT_BYTES + 1))).toContain('at most 67108864')
  })

  it('has at most 200 000 subjects', () => {
    const subjects = Array.from({ length: 200_001 }, (_, i) => ({ name: `f${i}`, sha256: 'd'.repeat(64), size: i }))
    expect(thrownBy(() => sampleStatement({ subjects }))).toMatchObject({
      message: expect.stringContaining('subject has 200001 entries') as string,
    })
    expect(parseStatement(sampleStatement({ subjects: subjects.slice(1) })).subject).toHaveLength(200_000)
  })

  it('is not written when it could not be read again', () => {
    expect(() => sampleStatement({ version: 'one two' })).toThrow(expect.objectContaining({ code: 'bundle-format' }))
    expect(() => sampleStatement({ subjects: [] })).toThrow(/subject has 0 entries/)
  })
})

it('whatever the reader accepts, the schema accepts', () => {
  let accepted = 0
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (at, code) => {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
      try {
        parseStatement(encode(changed))
      } catch {
        return
      }
      accepted++
      expect(validate(JSON.parse(changed))).toBe(true)
    }),
    { numRuns: 2000 },
  )
  expect(accepted).toBeGreaterThan(10)
})

function subjectWith(digest: Record<string, string>): Record<string, unknown> {
  return { name: 'x', digest, annotations: { size: 1 } }
}

function sized(size: unknown): Record<string, unknown> {
  return { name: 'x', digest: { sha256: 'd'.repeat(64) }, annotations: { size } }
}
