#!/usr/bin/env node
import { readFileSync, writeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { systemClock } from './adapters/clock/system-clock.ts'
import { freeYoungBuffers } from './adapters/memory/free-young-buffers.ts'
import { listenToParent, postToParent, startThread, threadStart } from './adapters/threads/threads.ts'
import type { Ports } from './cli/ports.ts'
import { runCli } from './cli/run-cli.ts'
import { reasonOf, systemCodeOf } from './errors.ts'
import type { RegistryOptions } from './oci/registry.ts'

/**
 * The composition root: arguments, environment, signals and exit code, and the one place where what Ferry needs of the
 * world (ports) meets what does it (adapters). Everything heavy is imported when a command asks for it. The threads that bring
 * blobs into a bundle start here too.
 */

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const env = process.env

/** Beside the main thread. More would mostly wait for the network and the disk, and each takes some 30 MB. */
const MAX_BLOB_THREADS = 1

interface BlobThreadStart {
  readonly path: string
  readonly settings: Readonly<Record<string, RegistryOptions>>
}

const ports: Ports = {
  clock: systemClock,
  files: {
    open: async (path) => (await import('./adapters/tar/random-access-file.ts')).openRandomAccessFile(path),
  },
  readSmallFile: async (path, options) =>
    (await import('./adapters/files/small-files.ts')).readSmallFile(path, options),
  replaceTextFile: async (path, text) => (await import('./adapters/files/small-files.ts')).replaceTextFile(path, text),
  absolutePath: (path) => resolve(path),
  freeBuffers: freeYoungBuffers,
  askSecret: async (question) => (await import('./adapters/terminal/ask-secret.ts')).askSecret(question),
  loadBlobThreads: () =>
    Promise.resolve({
      threads: Math.min(availableParallelism() - 1, MAX_BLOB_THREADS),
      start: (path, settings) => startThread(import.meta.url, { path, settings } satisfies BlobThreadStart),
    }),
  loadHasher: async () => (await import('./adapters/hash/range-hasher.ts')).rangeHasher,
  loadOutputs: async () => (await import('./adapters/tar/output-file.ts')).outputFiles,
  loadCharts: async () => (await import('./adapters/tar/chart-archive.ts')).chartArchive,
  loadServer: async () => (await import('./adapters/registry-server/registry-server.ts')).startRegistryServer,
  async loadNetwork({ settingsOf, onRetry, onMissingUpstream }) {
    const [{ createRegistryClient }, { createHttpFetcher }] = await Promise.all([
      import('./adapters/registry/client.ts'),
      import('./adapters/registry/downloads.ts'),
    ])
    const hear = { onRetry, ...(onMissingUpstream && { onMissingUpstream }) }
    const options = { clock: systemClock, env, userAgent: `ferry/${version}`, settingsOf, ...hear }
    const registries = createRegistryClient(options)
    const http = createHttpFetcher(options)
    return {
      registries,
      http,
      close: async () => {
        await Promise.all([registries.close(), http.close()])
      },
    }
  },
  async loadCommandSigner(text, { publicKey, signal }) {
    const [{ splitCommand }, { createCommandSigner }] = await Promise.all([
      import('./adapters/signer/split-command.ts'),
      import('./adapters/signer/command-signer.ts'),
    ])
    return createCommandSigner({ ...splitCommand(text), publicKey, signal })
  },
}

const start = threadStart()
if (start === undefined) await runCommandLine()
else await runBlobThread(start as BlobThreadStart)

async function runBlobThread({ path, settings }: BlobThreadStart): Promise<void> {
  const [{ startBlobThread }, { openBlobOutput }, { boundMemory }] = await Promise.all([
    import('./app/blob-thread.ts'),
    import('./adapters/tar/blob-output.ts'),
    import('./cli/bounded-memory.ts'),
  ])
  const { registries, http } = await ports.loadNetwork({
    settingsOf: (host) => settings[host] ?? {},
    onRetry: (host, notice) =>
      postToParent({ type: 'event', event: { type: 'retry', task: 'download', item: host, ...notice } }),
  })
  const take = startBlobThread({
    registryFor: (host) => registries.registry(host),
    http,
    files: ports.files,
    clock: systemClock,
    output: await openBlobOutput(path),
    post: postToParent,
    boundMemory: (emit) => boundMemory(emit, freeYoungBuffers),
  })
  listenToParent((message) => take(message as Parameters<typeof take>[0]))
}

async function runCommandLine(): Promise<void> {
  const controller = new AbortController()

  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (!controller.signal.aborted) {
        controller.abort()
        return
      }
      // The live region may have hidden the cursor.
      if (process.stderr.isTTY) writeSync(2, '\u001b[?25h\n')
      process.exit(1)
    })

  // Whoever reads (`| head`) may have seen enough. Then nothing more is written, and work that only reports is stopped.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error) => {
      if (systemCodeOf(error) !== 'EPIPE') {
        writeSync(2, `ferry: the output cannot be written: ${reasonOf(error)}\n`)
        process.exit(1)
      }
      if (stream === process.stdout) controller.abort()
    })

  process.exitCode = await runCli(process.argv.slice(2), {
    streams: { stdout: process.stdout, stderr: process.stderr },
    env,
    signal: controller.signal,
    ports,
    version,
  })
  // Standard output may be a slow pipe: the process ends by itself when everything is written and closed.
}
