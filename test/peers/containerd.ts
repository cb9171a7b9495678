import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'
import { peer, run, type RunResult } from './peer.ts'
import { startService } from './service.ts'

export interface RunningContainerd {
  /** Its socket. */
  readonly address: string
  /** Runs its own `ctr` against it, e.g. `ctr('images', 'ls')`. */
  ctr(...args: string[]): Promise<RunResult>
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

/** What needs the machine (cgroups, networks, `/opt`) is off: content, images and unpacking with the native snapshotter are left. */
const OFF = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime']
  .concat(['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri', 'io.containerd.internal.v1.tracing'])
  .concat(
    ['overlayfs', 'btrfs', 'zfs', 'devmapper', 'blockfile', 'erofs'].map(
      (name) => `io.containerd.snapshotter.v1.${name}`,
    ),
  )

/**
 * Runs containerd with root, state and socket in a folder of its own; needs root. Generation 1 is what Debian bookworm
 * has (1.6), generation 2 is 2.x.
 */
export async function startContainerd(generation: 1 | 2 = 1): Promise<RunningContainerd> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-containerd-'))
  const address = join(folder, 'containerd.sock')
  const config = join(folder, 'config.toml')
  const [containerd, ctrName] =
    generation === 1 ? (['containerd', 'ctr'] as const) : (['containerd-2', 'ctr-2'] as const)
  const ctr = (...args: string[]) =>
    run(peer(ctrName), ['--address', address, ...args], { env: { CONTAINERD_SNAPSHOTTER: 'native' } })
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    await writeFile(config, configuration(folder, address))
    const { service } = await startService(peer(containerd), ['--config', config], {
      logFile: join(folder, 'log'),
      ready: async () => ((await ctr('images', 'ls')).code === 0 ? address : undefined),
    })
    const stop = async () => {
      await service.stop()
      await remove()
    }
    return { address, ctr, stop }
  } catch (error) {
    await remove()
    throw error
  }
}

function configuration(folder: string, address: string): string {
  return `version = 2
root = ${JSON.stringify(join(folder, 'root'))}
state = ${JSON.stringify(join(folder, 'state'))}
disabled_plugins = ${JSON.stringify(OFF)}
[grpc]
address = ${JSON.stringify(address)}
[ttrpc]
address = ${JSON.stringify(`${address}.ttrpc`)}
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux/${arch() === 'x64' ? 'amd64' : arch()}"
snapshotter = "native"
`
}
