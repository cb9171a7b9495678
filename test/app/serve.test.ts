import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startRegistryServer } from '../../src/adapters/registry-server/registry-server.ts'
import { serveBundle, type Serving } from '../../src/app/serve.ts'
import { openBundle, type OpenBundle } from '../../src/bundle/open-bundle.ts'
import type { FerryEvent } from '../../src/events.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { ask, askJson } from '../adapters/registry-server/ask.ts'
import { damageBlob, openMemoryBundle, writeMemoryBundle } from '../fakes/memory-bundle.ts'
import { addImage, emptyContent } from '../fakes/memory-content.ts'
import { memoryFile } from '../fakes/memory-file.ts'

const LAYER = randomBytes(3_000_000)

function content(tag = '1'): ReturnType<typeof emptyContent> {
  const all = emptyContent()
  addImage(all, `a.example/x:${tag}`, { layers: [LAYER] })
  return all
}

async function serve(
  bundles: readonly OpenBundle[],
  options: { signal?: AbortSignal; port?: number } = {},
): Promise<Serving & { events: FerryEvent[] }> {
  const events: FerryEvent[] = []
  const { signal, port = 0 } = options
  const serving = await serveBundle(
    { bundles, listen: { host: '127.0.0.1', port } },
    { startServer: startRegistryServer, emit: (event) => events.push(event), ...(signal && { signal }) },
  )
  onTestFinished(() => serving.close())
  return { ...serving, events }
}

it('a bundle is served as a registry, and where is told', async () => {
  const { url, events } = await serve([await openMemoryBundle(content())])
  expect(await askJson(url, '/v2/_catalog')).toEqual({ repositories: ['a.example/x'] })
  expect(events).toEqual([{ type: 'note', label: 'serving', text: url }])
})

it('nothing but the head of a bundle is read before somebody asks', async () => {
  const bundle = await openMemoryBundle(content())
  await serve([bundle])
  expect(bundle.file.bytesRead).toBeLessThan(100_000)
})

it('several bundles are served as one', async () => {
  const bundles = [await openMemoryBundle(content('1')), await openMemoryBundle(content('2'))]
  const { url } = await serve(bundles)
  expect(await askJson(url, '/v2/a.example/x/tags/list')).toMatchObject({ tags: ['1', '2'] })
  expect((await ask(url, '/')).body.toString()).toContain('memory 1.0.0 (sequence 1)')
})

it('a bundle that was opened without keys is not served', async () => {
  const bundle = await openBundle(memoryFile(await writeMemoryBundle(content())), 'unverified')
  await expect(serve([bundle])).rejects.toMatchObject({
    code: 'bundle-signature',
    message: expect.stringContaining('memory.tar') as string,
    hint: expect.stringContaining('--pub') as string,
  })
})

it('damage is told once, however many run into it', async () => {
  const bundle = await openMemoryBundle(content())
  damageBlob(bundle, digestOf(LAYER), 7)
  const { url, events } = await serve([bundle])
  const target = `/v2/a.example/x/blobs/${digestOf(LAYER)}`
  await Promise.all(Array.from({ length: 5 }, () => ask(url, target)))
  await ask(url, target)
  expect(events.filter(({ type }) => type === 'warning')).toEqual([
    {
      type: 'warning',
      message: expect.stringContaining(`memory.tar: blobs/sha256/${digestOf(LAYER).slice(7)} was changed`) as string,
      hint: expect.stringContaining('ferry verify') as string,
    },
  ])
})

describe('ending', () => {
  it('the signal ends it: nobody is let in any more, and `closed` resolves', async () => {
    const stop = new AbortController()
    const { url, closed } = await serve([await openMemoryBundle(content())], { signal: stop.signal })
    await ask(url, '/v2/')
    stop.abort()
    await closed
    await expect(ask(url, '/v2/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('a signal given before the start keeps it from starting', async () => {
    const bundle = await openMemoryBundle(content())
    await expect(serve([bundle], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('may be asked for twice', async () => {
    const serving = await serve([await openMemoryBundle(content())])
    await Promise.all([serving.close(), serving.close()])
    await serving.closed
  })
})

it('two servers cannot have one port', async () => {
  const bundle = await openMemoryBundle(content())
  const { url } = await serve([bundle])
  await expect(serve([bundle], { port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'io-listen' })
})
