#!/usr/bin/env node
import { readFileSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from './adapters/clock/system-clock.ts'
import { freeYoungBuffers } from './adapters/memory/free-young-buffers.ts'
import type { Ports } from './cli/ports.ts'
import { runCli } from './cli/run-cli.ts'
import { systemCodeOf } from './errors.ts'

/**
 * The composition root: arguments, environment, signals and exit code, and the one place where what Ferry needs of the
 * world (ports) meets what does it (adapters). Everything heavy is imported when a command asks for it.
 */

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const env = process.env

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
    if (systemCodeOf(error) !== 'EPIPE') throw error
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
