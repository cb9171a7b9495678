import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ReleaseStatement } from '../../src/config/release.gen.ts'
import { digestOf, hexOf } from '../../src/oci/digest.ts'
import { advance, checkRatchet, EMPTY_SITE_STATE, type SiteState } from '../../src/trust/site-state.ts'
import { parseStatement, type StatementOptions } from '../../src/trust/statement.ts'
import { sampleStatement } from './sample-release.ts'

interface Release {
  readonly statement: ReleaseStatement
  readonly digest: string
}

function release(changes: Partial<StatementOptions>): Release {
  const bytes = sampleStatement(changes)
  return { statement: parseStatement(bytes), digest: hexOf(digestOf(bytes)) }
}

const take = (state: SiteState, { statement, digest }: Release): SiteState => advance(state, statement, digest)
const stateOf = (...releases: readonly Release[]): SiteState => releases.reduce(take, EMPTY_SITE_STATE)
const offered =
  (state: SiteState, { statement, digest }: Release) =>
  (): void =>
    checkRatchet(state, statement, digest)
const refused = (text: RegExp): unknown =>
  expect.objectContaining({ code: 'bundle-sequence', message: expect.stringMatching(text) as string })

describe('a site', () => {
  it('that has seen nothing takes any release', () => {
    expect(offered(EMPTY_SITE_STATE, release({ sequence: 7, minInstalledSequence: 6 }))).not.toThrow()
  })

  it('takes the same release again, and a higher sequence', () => {
    const state = stateOf(release({ sequence: 42 }))
    expect(take(state, release({ sequence: 42 }))).toEqual(state)
    expect(take(state, release({ sequence: 43 })).releases).toEqual([
      expect.objectContaining({ product: 'platform', channel: 'stable', keysVersion: 1, sequence: 43 }),
    ])
  })

  it('refuses a lower sequence, naming both', () => {
    expect(offered(stateOf(release({ sequence: 42 })), release({ sequence: 41 }))).toThrow(
      refused(/platform 1\.4\.0 \(stable, sequence 41\) is older .* sequence 42/),
    )
  })

  it('refuses another release of the same sequence', () => {
    expect(offered(stateOf(release({ version: '1.4.0' })), release({ version: '1.4.1' }))).toThrow(
      refused(/another release with a sequence this site has accepted/),
    )
  })

  it('refuses a release that needs a newer one installed first', () => {
    const state = stateOf(release({ sequence: 10 }))
    expect(offered(state, release({ sequence: 30, minInstalledSequence: 20 }))).toThrow(
      refused(/needs at least sequence 20 installed; this site has 10/),
    )
    expect(offered(state, release({ sequence: 30, minInstalledSequence: 10 }))).not.toThrow()
  })

  it('counts each product and channel for itself', () => {
    const state = stateOf(release({ sequence: 42 }), release({ sequence: 5, channel: 'edge' }))
    expect(offered(state, release({ sequence: 6, channel: 'edge' }))).not.toThrow()
    expect(offered(state, release({ sequence: 4, channel: 'edge' }))).toThrow(refused(/sequence 4/))
    expect(offered(state, release({ sequence: 1, product: 'billing' }))).not.toThrow()
    // Names that look alike when they are joined stay apart.
    expect(offered(state, release({ sequence: 1, product: 'platform-stable' }))).not.toThrow()
    expect(offered(state, release({ sequence: 1, product: 'constructor' }))).not.toThrow()
  })

  it('starts a new count with a new key set, and never returns to the old one', () => {
    const old = release({ sequence: 2 ** 53 - 1 })
    const state = stateOf(old, release({ sequence: 5, keysVersion: 2 }))
    expect(state.releases).toHaveLength(2)
    expect(offered(state, release({ sequence: 6, keysVersion: 2 }))).not.toThrow()
    expect(offered(state, release({ sequence: 4, keysVersion: 2 }))).toThrow(refused(/older/))
    expect(offered(state, old)).toThrow(refused(/version 1 of the vendor's keys; .* version 2/))
  })

  it('takes nothing by asking, and changes no value it was given', () => {
    const state = stateOf(release({ sequence: 42 }))
    const before = structuredClone(state)
    offered(state, release({ sequence: 50 }))()
    take(state, release({ sequence: 50 }))
    expect(state).toEqual(before)
    expect(EMPTY_SITE_STATE.releases).toEqual([])
  })

  it('never goes down, whatever is offered in whatever order', () => {
    const offer = fc.record({
      sequence: fc.integer({ min: 1, max: 6 }),
      keysVersion: fc.integer({ min: 1, max: 3 }),
      version: fc.constantFrom('1.0.0', '1.0.1'),
      minInstalledSequence: fc.integer({ min: 0, max: 4 }),
    })
    fc.assert(
      fc.property(fc.array(offer, { maxLength: 20 }), (offers) => {
        let state = EMPTY_SITE_STATE
        let high = [0, 0, '']
        for (const changes of offers) {
          const candidate = release(changes)
          try {
            state = take(state, candidate)
          } catch (error) {
            expect(error).toMatchObject({ code: 'bundle-sequence' })
            continue
          }
          const [keysVersion = 0, sequence = 0, digest = ''] = high
          expect(
            changes.keysVersion > Number(keysVersion) ||
              (changes.keysVersion === keysVersion &&
                (changes.sequence > Number(sequence) ||
                  (changes.sequence === sequence && candidate.digest === digest))),
          ).toBe(true)
          high = [changes.keysVersion, changes.sequence, candidate.digest]
        }
      }),
      { numRuns: 60 },
    )
  })
})
