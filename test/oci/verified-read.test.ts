import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../src/errors.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { transient, type ContentSource } from '../../src/oci/store.ts'
import { openVerified, WrongDigestError, type ReadRetry } from '../../src/oci/verified-read.ts'

const patient: ReadRetry = { attempts: 4, sleep: () => Promise.resolve() }

function describeBytes(bytes: Uint8Array) {
  return { mediaType: 'x', digest: digestOf(bytes), size: bytes.length }
}

interface Faults {
  /** Bytes to give at most on the nth read; undefined: all. */
  readonly cuts?: readonly (number | undefined)[]
  /** Whether a read can start in the middle. Default true. */
  readonly ranges?: boolean
  readonly piece?: number
}

/** A source with faults, and the offsets it was asked for. */
function faultySource(bytes: Uint8Array, { cuts = [], ranges = true, piece = 7 }: Faults = {}) {
  const offsets: number[] = []
  const source: ContentSource = {
    read: (_, { offset: asked = 0 }) => {
      const cut = cuts[offsets.length]
      offsets.push(asked)
      const offset = ranges ? asked : 0
      const end = cut === undefined ? bytes.length : Math.min(bytes.length, offset + cut)
      return Promise.resolve({
        offset,
        // eslint-disable-next-line @typescript-eslint/require-await -- a stream of values that are there already
        body: (async function* () {
          for (let at = offset; at < end; at += piece) yield bytes.subarray(at, Math.min(end, at + piece))
          if (cut !== undefined) throw transient(new Error('connection reset'))
        })(),
      })
    },
  }
  return { source, offsets }
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

const CONTENT = Buffer.from(Array.from({ length: 100 }, (_, i) => i))

describe('reading content to the end', () => {
  test('gives exactly the content, however often and wherever the connection breaks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.option(fc.nat(90), { nil: undefined }), { maxLength: 3 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 64 }),
        async (bytes, cuts, ranges, piece) => {
          const { source } = faultySource(bytes, { cuts, ranges, piece })
          const open = openVerified(source, describeBytes(bytes), { retry: patient })
          expect((await gather(open(0))).equals(bytes)).toBe(true)
        },
      ),
    )
  })

  test('goes on where it broke off: nothing is asked for twice', async () => {
    const { source, offsets } = faultySource(CONTENT, { cuts: [35, 21] })
    await gather(openVerified(source, describeBytes(CONTENT), { retry: patient })(0))
    expect(offsets).toEqual([0, 35, 56])
  })

  test('progress starts the count of attempts anew; without progress it gives up with the last error', async () => {
    const many = faultySource(CONTENT, { cuts: Array.from({ length: 20 }, () => 5), piece: 5 })
    await gather(openVerified(many.source, describeBytes(CONTENT), { retry: patient })(0))
    const dead = faultySource(CONTENT, { cuts: Array.from({ length: 20 }, () => 0) })
    const reading = gather(openVerified(dead.source, describeBytes(CONTENT), { retry: patient })(0))
    await expect(reading).rejects.toThrow('connection reset')
    expect(dead.offsets).toHaveLength(4)
  })

  test('waits as long as the other side asks', async () => {
    const delays: number[] = []
    let calls = 0
    const source: ContentSource = {
      read: () =>
        ++calls === 1
          ? Promise.reject(transient(new Error('429'), { afterMs: 45_000 }))
          : faultySource(CONTENT).source.read(describeBytes(CONTENT), {}),
    }
    const retry: ReadRetry = {
      sleep: (milliseconds) => {
        delays.push(milliseconds)
        return Promise.resolve()
      },
    }
    await gather(openVerified(source, describeBytes(CONTENT), { retry })(0))
    expect(delays).toEqual([45_000])
  })

  test('an error that another attempt would not mend is final at once', async () => {
    let calls = 0
    const source: ContentSource = {
      read: () => {
        calls++
        return Promise.reject(new FerryError('registry-auth', 'no'))
      },
    }
    await expect(gather(openVerified(source, describeBytes(CONTENT), { retry: patient })(0))).rejects.toThrow('no')
    expect(calls).toBe(1)
  })
})

describe('content that is not what was asked for', () => {
  test('never has its last piece given away', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(),
        fc.integer({ min: 1, max: 400 }),
        async (bytes, at, piece) => {
          const wrong = Buffer.from(bytes)
          wrong[at % bytes.length]! ^= 4
          const { source } = faultySource(wrong, { piece })
          let given = 0
          const reading = (async () => {
            for await (const part of openVerified(source, describeBytes(bytes))(0)) given += part.length
          })()
          await expect(reading).rejects.toBeInstanceOf(WrongDigestError)
          expect(given).toBeLessThan(bytes.length)
        },
      ),
    )
  })

  test('more bytes than announced are refused before they are read', async () => {
    const { source } = faultySource(Buffer.concat([CONTENT, Buffer.alloc(1000)]), { piece: 64 })
    let given = 0
    const reading = (async () => {
      for await (const piece of openVerified(source, describeBytes(CONTENT))(0)) given += piece.length
    })()
    await expect(reading).rejects.toThrow('more than its 100 bytes')
    expect(given).toBeLessThan(100)
  })

  test('a stream that ends early without a word is not the end', async () => {
    const { source } = faultySource(CONTENT.subarray(0, 60))
    await expect(gather(openVerified(source, describeBytes(CONTENT))(0))).rejects.toThrow('ended after 60 of 100')
  })

  test('empty content is verified too', async () => {
    const empty = Buffer.alloc(0)
    expect(await gather(openVerified(faultySource(empty).source, describeBytes(empty))(0))).toHaveLength(0)
    const lie = { ...describeBytes(CONTENT), size: 0 }
    await expect(gather(openVerified(faultySource(empty).source, lie)(0))).rejects.toBeInstanceOf(WrongDigestError)
  })
})

describe('going on from what the target keeps', () => {
  test('the kept part is hashed from the target, only the rest is fetched', async () => {
    const { source, offsets } = faultySource(CONTENT)
    const kept = (length: number) => faultyBody(CONTENT.subarray(0, length))
    const rest = await gather(openVerified(source, describeBytes(CONTENT), { kept })(40))
    expect(rest.equals(CONTENT.subarray(40))).toBe(true)
    expect(offsets).toEqual([40])
  })

  test('a kept part that is wrong is found at the end, and nothing counts', async () => {
    const { source } = faultySource(CONTENT)
    const kept = (length: number) => faultyBody(Buffer.alloc(length, 9))
    await expect(gather(openVerified(source, describeBytes(CONTENT), { kept })(40))).rejects.toBeInstanceOf(
      WrongDigestError,
    )
  })

  test('everything kept means nothing is fetched, and it is verified all the same', async () => {
    const { source, offsets } = faultySource(CONTENT)
    const kept = (length: number) => faultyBody(CONTENT.subarray(0, length))
    expect(await gather(openVerified(source, describeBytes(CONTENT), { kept })(100))).toHaveLength(0)
    expect(offsets).toEqual([])
  })
})

// eslint-disable-next-line @typescript-eslint/require-await -- a stream of one value
async function* faultyBody(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
