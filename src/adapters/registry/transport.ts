import { X509Certificate } from 'node:crypto'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici'
import { FerryError, reasonOf } from '../../errors.ts'
import { DEFAULT_TIMEOUTS, sendRequest, type HttpRequest, type HttpResponse, type Timeouts } from './http.ts'

/** Connections to any host, kept and shared. */
export interface Transport {
  /** One request; `authorities` are PEM texts trusted besides the system's roots. */
  send(request: HttpRequest, authorities?: readonly string[]): Promise<HttpResponse>
  /** Ends all connections; what is still under way fails. */
  close(): Promise<void>
}

export interface TransportOptions {
  /** Read for HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case forms. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly userAgent: string
  readonly timeouts?: Partial<Timeouts>
  /** Default 32. */
  readonly connectionsPerHost?: number
}

/** Loopback is never reached through a proxy, as in Go's and so docker's rules. */
const NEVER_PROXIED = 'localhost,127.0.0.1,::1'

export function createTransport(options: TransportOptions): Transport {
  const { env } = options
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const dispatchers = new Map<string, Dispatcher>()
  const contexts = new Map<string, SecureContext>()

  const secureContextFor = (authorities: readonly string[]): SecureContext => {
    const key = authorities.join('\n')
    let context = contexts.get(key)
    if (!context) {
      context = createContext(authorities)
      contexts.set(key, context)
    }
    return context
  }

  const dispatcherFor = (url: URL, authorities: readonly string[]): Dispatcher => {
    const secure = url.protocol === 'https:'
    const key = secure ? ['https', ...authorities].join('\n') : 'http'
    let dispatcher = dispatchers.get(key)
    if (!dispatcher) {
      const tls = {
        allowH2: false,
        timeout: timeouts.connect,
        ...(secure && { secureContext: secureContextFor(authorities) }),
      }
      const agent = {
        allowH2: false,
        connections: options.connectionsPerHost ?? 32,
        connect: tls,
        connectTimeout: timeouts.connect,
        autoSelectFamily: true,
      }
      const proxy = secure ? pick(env, 'https_proxy') : pick(env, 'http_proxy')
      dispatcher =
        proxy === undefined
          ? new Agent(agent)
          : new EnvHttpProxyAgent({
              ...agent,
              requestTls: tls,
              // The empty text keeps undici from looking into this process's own environment.
              httpProxy: secure ? '' : proxyAddress(proxy, 'HTTP_PROXY'),
              httpsProxy: secure ? proxyAddress(proxy, 'HTTPS_PROXY') : '',
              noProxy: [pick(env, 'no_proxy'), NEVER_PROXIED].filter(Boolean).join(','),
            })
      dispatchers.set(key, dispatcher)
    }
    return dispatcher
  }

  return {
    send: (request, authorities = []) =>
      sendRequest(
        dispatcherFor(request.url, authorities),
        { ...request, headers: { 'user-agent': options.userAgent, 'accept-encoding': 'identity', ...request.headers } },
        timeouts,
      ),
    async close() {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()))
      dispatchers.clear()
    },
  }
}

/** Parsing some hundred roots takes milliseconds, so once for all connections and not once for each. */
function createContext(authorities: readonly string[]): SecureContext {
  const roots = [...getCACertificates('default'), ...getCACertificates('system')]
  return createSecureContext({ ca: [...new Set(roots), ...authorities.flatMap(certificatesOf)] })
}

/** The certificates of a PEM text. OpenSSL passes over what it cannot read; a person wants to know. */
function certificatesOf(pem: string): string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    if (certificates.length === 0) throw new Error('there is none in it')
    for (const certificate of certificates) new X509Certificate(certificate)
  } catch (error) {
    throw new FerryError('config-invalid', `the certificate authorities given cannot be read: ${reasonOf(error)}`, {
      hint: 'Expected a PEM file with one or more CERTIFICATE blocks (caFile, --ca).',
    })
  }
  return certificates
}

/** Lower case first, as curl does. */
function pick(env: TransportOptions['env'], name: string): string | undefined {
  const value = env[name] ?? env[name.toUpperCase()]
  return value === undefined || value === '' ? undefined : value
}

/** @throws without the value: a proxy's address may hold a password. */
function proxyAddress(text: string, name: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (!url || !['http:', 'https:', 'socks5:'].includes(url.protocol))
    throw new FerryError('config-invalid', `${name} is not the address of a proxy`, {
      hint: `Expected http://host:port or https://host:port, or leave ${name} unset.`,
    })
  return url.href
}
