import { hasControlCharacters } from './safe-text.ts'

/** RFC 9110 section 11.6.1: one way a server wants to be asked. Names are in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const SCHEME = new RegExp(`\\s*,*\\s*(${TOKEN})(?:\\s+|$|(?=,))`, 'y')
const PARAMETER = new RegExp(`\\s*,*\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*(?:,|$)`, 'y')
/** A header of a registry has a few hundred characters. */
const LIMIT = 8 * 1024

/**
 * Parses WWW-Authenticate, several challenges in one value included. What is not understood ends the list; a parameter
 * with control characters makes its challenge be left out.
 */
export function parseChallenges(header: string | undefined): Challenge[] {
  if (header === undefined || header.length > LIMIT) return []
  const challenges: Challenge[] = []
  let position = 0
  while (position < header.length) {
    SCHEME.lastIndex = position
    const scheme = SCHEME.exec(header)?.[1]
    if (scheme === undefined) break
    position = SCHEME.lastIndex
    const parameters = new Map<string, string>()
    for (;;) {
      PARAMETER.lastIndex = position
      const match = PARAMETER.exec(header)
      if (!match?.[1]) break
      position = PARAMETER.lastIndex
      const name = match[1].toLowerCase()
      if (!parameters.has(name)) parameters.set(name, match[2]?.replaceAll(/\\(.)/g, '$1') ?? match[3] ?? '')
    }
    if (![...parameters.values()].some(hasControlCharacters))
      challenges.push({ scheme: scheme.toLowerCase(), parameters })
  }
  return challenges
}
