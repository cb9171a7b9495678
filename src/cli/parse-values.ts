import type { Problem } from '../errors.ts'

/** Where to listen. */
export interface ListenAddress {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, an IPv6 address in brackets. Undefined when it is not of that form. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^:[\]/\s]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65535) return undefined
  return { host: match[1] ?? match[2] ?? '', port }
}

/** `--concurrency N`, 1 to 64. Undefined when it is not given, NaN when it is no such number. */
export function parseConcurrency(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return /^[0-9]{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64 ? Number(text) : Number.NaN
}

/** The problem with the value of `--concurrency`, if there is one. */
export function concurrencyProblems(text: string | undefined): Problem[] {
  return Number.isNaN(parseConcurrency(text))
    ? [{ message: `--concurrency ${text ?? ''}: not a whole number from 1 to 64` }]
    : []
}

/** `SOURCE_DATE_EPOCH`: seconds since 1970. Undefined when it is not set, NaN when it is no such number. */
export function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
}
