import { onTestFinished } from 'vitest'
import { startRegistryServer } from '../../../src/adapters/registry-server/registry-server.ts'
import { servedContent } from '../../../src/app/serve.ts'
import type { OpenBundle } from '../../../src/bundle/open-bundle.ts'
import type { FerryEvent } from '../../../src/events.ts'
import type { ListenOptions, RunningServer } from '../../../src/oci/served.ts'

export interface TestServer extends RunningServer {
  readonly events: FerryEvent[]
  readonly problems: unknown[]
}

/** Serves bundles on a free port of 127.0.0.1 until the test ends. */
export async function serveTest(
  bundles: readonly OpenBundle[],
  options: Partial<ListenOptions> & { readonly stallMs?: number } = {},
): Promise<TestServer> {
  const events: FerryEvent[] = []
  const problems: unknown[] = []
  const content = servedContent(bundles, (event) => events.push(event))
  const running = await startRegistryServer(content, {
    host: '127.0.0.1',
    port: 0,
    onProblem: (error) => problems.push(error),
    ...options,
  })
  let ended: Promise<void> | undefined
  const close = (graceMs: number): Promise<void> => (ended ??= running.close(graceMs))
  onTestFinished(() => close(0))
  return { url: running.url, close, events, problems }
}
