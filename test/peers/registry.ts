import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peer, runOrThrow } from './peer.ts'
import { startService } from './service.ts'
import type { TlsFiles } from './tls.ts'

export interface RegistryOptions {
  /** Serve HTTPS with this certificate (`makeTls`). */
  readonly tls?: TlsFiles
  /** Basic authentication for everything, with this one user. */
  readonly htpasswd?: { readonly user: string; readonly password: string }
  /** Whether DELETE works. Default true. */
  readonly delete?: boolean
  /** `REGISTRY_...` variables overrule the configuration. */
  readonly env?: Readonly<Record<string, string>>
  /** Where its folder is made. Default: the system's folder for temporary files. */
  readonly parent?: string
}

export interface RunningRegistry {
  /** `127.0.0.1:PORT`, as in an image name. */
  readonly host: string
  /** `http://127.0.0.1:PORT` or `https://...`. */
  readonly url: string
  /** Its own folder: `config.yml`, `log`, `data/docker/registry/v2/...`. */
  readonly folder: string
  readonly pid: number
  readonly log: () => string
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

/** Runs the real docker-registry (distribution 2.8) on a free port of 127.0.0.1, with a folder of its own. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), 'ferry-registry-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    await mkdir(join(folder, 'data'))
    if (options.htpasswd) await writeFile(join(folder, 'htpasswd'), await htpasswdLine(options.htpasswd))
    // YAML reads JSON as well.
    await writeFile(join(folder, 'config.yml'), JSON.stringify(configuration(folder, options), undefined, 2))
    const { service, answer: host } = await startService(
      peer('docker-registry'),
      ['serve', join(folder, 'config.yml')],
      {
        logFile: join(folder, 'log'),
        env: { OTEL_TRACES_EXPORTER: 'none', ...options.env },
        ready: (log) => /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1],
      },
    )
    const stop = async () => {
      await service.stop()
      await remove()
    }
    return {
      host,
      url: `${options.tls ? 'https' : 'http'}://${host}`,
      folder,
      pid: service.pid,
      log: service.log,
      stop,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

function configuration(folder: string, options: RegistryOptions): unknown {
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'data'), maxthreads: 100 },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: options.delete ?? true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: '127.0.0.1:0',
      secret: 'of a test',
      ...(options.tls && { tls: { certificate: options.tls.cert, key: options.tls.key } }),
    },
    ...(options.htpasswd && { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } }),
  }
}

/** The registry takes bcrypt only; perl is on every Debian and its crypt() knows it. */
async function htpasswdLine({ user, password }: { user: string; password: string }): Promise<string> {
  const program = 'chomp(my $p = <STDIN>); print crypt($p, q($2b$05$abcdefghijklmnopqrstuu))'
  const hash = await runOrThrow('perl', ['-e', program], { input: password })
  return `${user}:${hash}\n`
}
