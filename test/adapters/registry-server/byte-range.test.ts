import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseRange } from '../../../src/adapters/registry-server/byte-range.ts'

it.each([
  ['bytes=0-9', { start: 0, end: 10 }],
  ['bytes=10-', { start: 10, end: 100 }],
  ['bytes=-10', { start: 90, end: 100 }],
  ['bytes=-1000', { start: 0, end: 100 }],
  ['bytes=99-99', { start: 99, end: 100 }],
  ['bytes=50-1000', { start: 50, end: 100 }],
  ['Bytes= 0-0 ', { start: 0, end: 1 }],
])('%s of 100 bytes is that part', (header, range) => {
  expect(parseRange(header, 100)).toEqual(range)
})

it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', 'bytes=99999999999999999999-'])(
  '%s of 100 bytes cannot be satisfied',
  (header) => {
    expect(parseRange(header, 100)).toBe('unsatisfiable')
  },
)

it.each([undefined, '', 'bytes', 'bytes=', 'bytes=-', 'bytes=9-0', 'bytes=a-b', 'bytes=0-1,5-6', 'lines=0-1'])(
  '%s is answered with all of it',
  (header) => {
    expect(parseRange(header, 100)).toBeUndefined()
  },
)

it('no byte of an empty blob can be asked for', () => {
  expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable')
  expect(parseRange('bytes=-5', 0)).toBe('unsatisfiable')
})

it('a range never leaves the content, whatever the header says', () => {
  const number = fc.oneof(fc.nat(300).map(String), fc.constant(''), fc.bigInt({ min: 0n }).map(String))
  fc.assert(
    fc.property(number, number, fc.nat(200), (first, last, size) => {
      const range = parseRange(`bytes=${first}-${last}`, size)
      if (range === undefined || range === 'unsatisfiable') return
      expect(range.start).toBeGreaterThanOrEqual(0)
      expect(range.end).toBeGreaterThan(range.start)
      expect(range.end).toBeLessThanOrEqual(size)
    }),
  )
})
