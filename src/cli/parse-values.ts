import type { Problem } from '../errors.ts'

/** Where to listen. */
export interface ListenAddress {
  /** Without brackets; empty for all addresses. */
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, an IPv6 address in brackets. Undefined when it is not of that form. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:[\]/\s]*)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65535) return undefined
  return { host: match[1] ?? match[2] ?? '', port }
}

/** A whole number in a range; the problem to report when it is not. */
export function parseWhole(
  option: string,
  text: string,
  { least, most }: { readonly least: number; readonly most: number },
): { readonly value: number; readonly problem?: undefined } | { readonly problem: Problem } {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return { value }
  return { problem: { message: `--${option} ${text}: not a whole number from ${least} to ${most}` } }
}
