import { describe, expect, test } from 'vitest'
import { formatBytes, formatBytesOf, formatCount, formatDuration, formatRate } from '../../../src/cli/render/format.ts'
import { briefDigests, printable, shorten } from '../../../src/cli/render/plain-text.ts'
import { wrapText } from '../../../src/cli/render/wrap-text.ts'

describe('bytes in SI units, three digits at most', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1500, '1.5 kB'],
    [99_949, '99.9 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [871_000_000, '871 MB'],
    [6_300_000_000, '6.3 GB'],
    [2 ** 40, '1.1 TB'],
  ])('%i is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test('both sides of a progress have the unit of the total', () => {
    expect(formatBytesOf(5_100_000_000, 6_300_000_000)).toBe('5.1 / 6.3 GB')
    expect(formatBytesOf(1000, 6_300_000_000)).toBe('0.0 / 6.3 GB')
    expect(formatBytesOf(7, 6)).toBe('6 / 6 B')
  })

  test('a rate', () => expect(formatRate(212_400_000.7)).toBe('212 MB/s'))
})

describe('durations in two units at most', () => {
  test.each([
    [0, '0 ms'],
    [340, '340 ms'],
    [999.6, '1 s'],
    [4200, '4.2 s'],
    [9949, '9.9 s'],
    [9960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 m'],
    [72_000, '1 m 12 s'],
    [3_600_000, '1 h'],
    [11_100_000, '3 h 5 m'],
    [187_200_000, '2 d 4 h'],
  ])('%d ms is %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text))
})

test('counts agree with their noun', () => {
  expect(formatCount(1, 'image')).toBe('1 image')
  expect(formatCount(0, 'entry', 'entries')).toBe('0 entries')
  expect(formatCount(1412, 'blob')).toBe('1\u00a0412 blobs')
})

describe('text from elsewhere', () => {
  test('cannot move the cursor, colour the screen or turn its direction', () => {
    expect(printable('a\u001b[31mb\r\nc\u202ed\u0000')).toBe('a\\u001b[31mb\\u000d\\u000ac\\u202ed\\u0000')
    expect(printable('grüße · 漢字')).toBe('grüße · 漢字')
  })

  test('is shortened: digests first, then the middle', () => {
    const digest = `sha256:${'ab12'.repeat(16)}`
    expect(briefDigests(`q/x@${digest}`)).toBe('q/x@sha256:ab12ab12ab12…')
    expect(shorten(`q/x@${digest}`, 30)).toBe('q/x@sha256:ab12ab12ab12…')
    expect(shorten('abcdefghij', 5)).toBe('ab…ij')
    expect(shorten('abcdefghij', 1)).toBe('…')
    expect(shorten('abcdefghij', 0)).toBe('')
    for (let width = 0; width < 12; width++) expect(shorten('abcdefghij', width).length).toBeLessThanOrEqual(width)
  })

  test('breaks between words; a word that is too long keeps its line', () => {
    expect(wrapText('one two three\nfour', { width: 9, indent: '  ' })).toBe('  one two\n  three\n  four')
    expect(wrapText('a muchtoolongword b', { width: 6 })).toBe('a\nmuchtoolongword\nb')
  })
})
