import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { damageBlob, openMemoryBundle } from '../../fakes/memory-bundle.ts'
import { addFile, addImage, emptyContent } from '../../fakes/memory-content.ts'
import type { MemoryFile, MemoryFileOptions } from '../../fakes/memory-file.ts'
import { ask } from './ask.ts'
import { serveTest } from './serving.ts'

const MIB = 1024 * 1024
const BIG = randomBytes(6 * MIB + 1234)
const HUGE = randomBytes(32 * MIB)
const SMALL = Buffer.from('a small one')
const blob = (bytes: Buffer): string => `/v2/a.example/big/blobs/${digestOf(bytes)}`

async function bigBundle(file: MemoryFileOptions = {}): ReturnType<typeof openMemoryBundle> {
  const content = emptyContent()
  addImage(content, 'a.example/big:1', { layers: [BIG, SMALL, HUGE] })
  addFile(content, 'tool', SMALL)
  return openMemoryBundle(content, { file })
}

/** Waits until nothing is read of a file any more. */
async function settled(file: MemoryFile): Promise<void> {
  for (let before = -1; before !== file.bytesRead;) {
    before = file.bytesRead
    await sleep(150)
  }
}

/** A client that asks and then takes nothing of the answer. */
function requestPaused(url: string, target: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\n\r\n`)
  return socket
}

async function begin(url: string, target: string): Promise<IncomingMessage> {
  const asking = get(url + target)
  asking.on('error', () => undefined)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

describe('a damaged blob', () => {
  it('is broken off before its end, and refused from then on', async () => {
    const bundle = await bigBundle()
    damageBlob(bundle, digestOf(BIG), 5)
    const { url, events } = await serveTest([bundle])
    const first = await ask(url, blob(BIG))
    expect(first.error?.code).toBe('ECONNRESET')
    expect(first.body.length).toBeLessThanOrEqual(6 * MIB)
    for (const options of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=0-5' } }]) {
      const again = await ask(url, blob(BIG), options)
      expect(again.status).toBe(500)
      if (!('method' in options)) expect(again.body.toString()).toMatch(/damaged or altered.*ferry verify/)
    }
    expect(events).toEqual([
      {
        type: 'warning',
        message: expect.stringContaining(digestOf(BIG).slice(7)) as string,
        hint: expect.any(String) as string,
      },
    ])
  })

  it('that fits into one piece is an error from the start', async () => {
    const bundle = await bigBundle()
    damageBlob(bundle, digestOf(SMALL))
    const { url } = await serveTest([bundle])
    expect((await ask(url, blob(SMALL))).status).toBe(500)
    expect((await ask(url, '/files/tool')).status).toBe(500)
    expect(digestOf((await ask(url, blob(BIG))).body)).toBe(digestOf(BIG))
  })

  it('gives out no range, and does not take the connection with it', async () => {
    const bundle = await bigBundle()
    damageBlob(bundle, digestOf(BIG), 5)
    const { url } = await serveTest([bundle])
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const range = await ask(url, blob(BIG), { headers: { range: 'bytes=6000000-' }, agent })
    expect(range.status).toBe(500)
    expect((await ask(url, blob(SMALL), { agent })).body).toEqual(SMALL)
  })
})

it('a file that cannot be read is an error of the moment, not a damaged blob', async () => {
  let broken = false
  const bundle = await bigBundle({ beforeRead: () => (broken ? Promise.reject(new Error('EIO')) : undefined) })
  const { url, problems } = await serveTest([bundle])
  broken = true
  const { status, body } = await ask(url, blob(BIG))
  expect(status).toBe(500)
  expect(body.toString()).not.toContain('EIO')
  expect(problems).toEqual([new Error('EIO')])
  broken = false
  expect(digestOf((await ask(url, blob(BIG))).body)).toBe(digestOf(BIG))
})

describe('clients', () => {
  it('that go away in the middle stop the reading of the file', async () => {
    const bundle = await bigBundle()
    const { url } = await serveTest([bundle])
    const before = bundle.file.bytesRead
    for (let i = 0; i < 10; i++) {
      const response = await begin(url, blob(HUGE))
      await once(response, 'data')
      response.destroy()
    }
    await settled(bundle.file)
    expect(bundle.file.bytesRead - before).toBeLessThan(10 * HUGE.length)
    expect(digestOf((await ask(url, blob(HUGE))).body)).toBe(digestOf(HUGE))
  })

  it('that read slowly are not read ahead for', async () => {
    const bundle = await bigBundle()
    const { url } = await serveTest([bundle])
    const before = bundle.file.bytesRead
    const socket = requestPaused(url, blob(HUGE))
    await settled(bundle.file)
    // What the two kernels buffer is neither ours nor little, but it is not the file.
    expect(bundle.file.bytesRead - before).toBeLessThan(HUGE.length)
    socket.destroy()
  })

  it('that take nothing for too long are given up', async () => {
    const bundle = await bigBundle()
    const { url } = await serveTest([bundle], { stallMs: 100 })
    const socket = requestPaused(url, blob(HUGE))
    await settled(bundle.file)
    await sleep(200)
    let received = 0
    socket.on('data', (piece) => (received += piece.length))
    socket.resume()
    await once(socket, 'close')
    expect(received).toBeLessThan(HUGE.length)
  })

  it('in great number all get the same content', async () => {
    const { url } = await serveTest([await bigBundle()])
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask(url, blob(BIG))))
    for (const { body } of replies) expect(digestOf(body)).toBe(digestOf(BIG))
  })

  it('that ask while the first one is still reading share no mistakes', async () => {
    const bundle = await bigBundle()
    damageBlob(bundle, digestOf(BIG), 6 * MIB)
    const { url } = await serveTest([bundle])
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) => ask(url, blob(BIG), i % 2 ? { headers: { range: 'bytes=0-9' } } : {})),
    )
    for (const { status, body, error } of replies)
      if (status !== 500) {
        expect(error).toBeDefined()
        expect(body.length).toBeLessThan(BIG.length)
      }
  })
})

describe('closing', () => {
  it('lets an answer that is under way come to its end', async () => {
    const server = await serveTest([await bigBundle()])
    const response = await begin(server.url, blob(BIG))
    const ended = server.close(5000)
    const pieces: Buffer[] = []
    response.on('data', (piece: Buffer) => pieces.push(piece))
    await once(response, 'end')
    expect(digestOf(Buffer.concat(pieces))).toBe(digestOf(BIG))
    await ended
    await expect(ask(server.url, '/v2/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('does not wait for connections that are only kept open', async () => {
    const server = await serveTest([await bigBundle()])
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    await ask(server.url, '/v2/', { agent })
    const response = await begin(server.url, blob(BIG))
    const ended = server.close(60_000)
    response.resume()
    await once(response, 'end')
    await ended
  })

  it('ends what is not finished when the time is over', async () => {
    const server = await serveTest([await bigBundle()])
    const response = await begin(server.url, blob(HUGE))
    const started = Date.now()
    await server.close(100)
    expect(Date.now() - started).toBeLessThan(3000)
    response.destroy()
  })
})

describe('listening', () => {
  it('on a port that is taken: the error says so and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    await expect(serveTest([await bigBundle()], { port })).rejects.toMatchObject({
      code: 'io-listen',
      message: `cannot listen on 127.0.0.1:${port}: another program listens there already`,
      hint: expect.stringContaining('--listen HOST:0') as string,
    })
  })

  it('on an address of another machine: the error says so', async () => {
    await expect(serveTest([await bigBundle()], { host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'io-listen',
      message: expect.stringContaining('this machine does not have that address') as string,
    })
  })

  it('tells the address it can be reached at', async () => {
    const { url } = await serveTest([await bigBundle()])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+$/)
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
  it.runIf(hasIpv6)('on IPv6 tells an address with brackets', async () => {
    const { url } = await serveTest([await bigBundle()], { host: '::1' })
    expect(url).toMatch(/^http:\/\/\[::1\]:[0-9]+$/)
  })
})

it('what is not HTTP gets an error and hurts nobody', async () => {
  const { url } = await serveTest([await bigBundle()])
  const port = Number(new URL(url).port)
  for (const text of ['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nhost: x\r\nx: ' + 'y'.repeat(20_000) + '\r\n\r\n']) {
    const socket = connect(port, '127.0.0.1')
    const pieces: Buffer[] = []
    socket.on('error', () => undefined)
    socket.on('data', (piece) => pieces.push(piece))
    socket.write(text)
    await once(socket, 'close')
    expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 4(00|31) /)
  }
  expect((await ask(url, blob(SMALL))).status).toBe(200)
})
