import { randomBytes } from 'node:crypto'
import { get } from 'node:https'
import { connect } from 'node:net'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { makeCertificate } from '../../fakes/certificate.ts'
import { damageBlob, openMemoryBundle } from '../../fakes/memory-bundle.ts'
import { addImage, emptyContent } from '../../fakes/memory-content.ts'
import { serveTest } from './serving.ts'

const LAYER = randomBytes(3 * 1024 * 1024)
const TARGET = `/v2/a.example/x/blobs/${digestOf(LAYER)}`
const tls = makeCertificate()

async function bundleWithLayer(): ReturnType<typeof openMemoryBundle> {
  const content = emptyContent()
  addImage(content, 'a.example/x:1', { layers: [LAYER] })
  return openMemoryBundle(content)
}

/** The body as far as it came, and whether it came to its end. */
function download(url: string): Promise<{ readonly bytes: Buffer; readonly complete: boolean }> {
  return new Promise((resolve, reject) => {
    const asking = get(url, { ca: tls.cert, agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', () => undefined)
      response.on('close', () => resolve({ bytes: Buffer.concat(pieces), complete: response.complete }))
    })
    asking.on('error', reject)
  })
}

it('a blob comes whole over HTTPS', async () => {
  const { url } = await serveTest([await bundleWithLayer()], { tls })
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:/)
  const { bytes, complete } = await download(url + TARGET)
  expect([digestOf(bytes), complete]).toEqual([digestOf(LAYER), true])
})

it('a damaged blob is broken off over HTTPS, too', async () => {
  const bundle = await bundleWithLayer()
  damageBlob(bundle, digestOf(LAYER), 9)
  const { url, problems } = await serveTest([bundle], { tls })
  const { bytes, complete } = await download(url + TARGET)
  expect(complete).toBe(false)
  expect(bytes.length).toBeLessThan(LAYER.length)
  expect(problems).toEqual([])
})

it('who speaks plain HTTP to it is turned away and hurts nobody', async () => {
  const { url } = await serveTest([await bundleWithLayer()], { tls })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  expect((await download(`${url}/healthz`)).bytes.toString()).toBe('ok\n')
})

it('a key of another certificate is refused before anything listens', async () => {
  const { cert } = makeCertificate()
  await expect(serveTest([await bundleWithLayer()], { tls: { ...tls, cert } })).rejects.toMatchObject({
    code: 'config-key',
    message: 'the TLS certificate and the key do not belong together',
  })
})
