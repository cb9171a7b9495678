import { expect, test } from 'vitest'
import { nearNames, nearText } from '../../../src/bundle/sources/near-names.ts'

test('the fewest letters changed come first, then the newest', () => {
  const tags = ['latest', 'v3.9.0', 'v3.30.0', 'v3.31.1', 'v3.31.2', 'v3.31.10', 'v3.31.2-arm64']
  expect(nearNames('v3.31.22', tags)).toEqual(['v3.31.2', 'v3.31.10', 'v3.31.1'])
  expect(nearNames('lates', tags)).toEqual(['latest'])
})

test('where nothing is near the newest are named', () => {
  const tags = ['1.9.0', '1.10.0', '1.2.0', '1.0.0']
  expect(nearText('a-word-that-is-nowhere', tags)).toBe('. There are: 1.10.0, 1.9.0, 1.2.0, …')
  expect(nearText('x', [])).toBe('')
})

test('a very long name costs nothing', () => {
  expect(nearNames('x'.repeat(100_000), Array(1000).fill('y'.repeat(100_000)))).toEqual([])
})
