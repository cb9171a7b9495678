import { expect, it } from 'vitest'
import { parsePushTarget, pushTargetText } from '../../src/app/push-target.ts'

it.each([
  ['harbor.site-a.local', { host: 'harbor.site-a.local' }],
  ['harbor.site-a.local:8443/platform', { host: 'harbor.site-a.local:8443', prefix: 'platform' }],
  ['127.0.0.1:5000/a/b_c/', { host: '127.0.0.1:5000', prefix: 'a/b_c' }],
  ['[::1]:5000/x', { host: '[::1]:5000', prefix: 'x' }],
  ['Registry.Example/x', { host: 'registry.example', prefix: 'x' }],
  // The first part is a host wherever a registry is asked for, though an image name could not begin with it.
  ['harbor/x', { host: 'harbor', prefix: 'x' }],
])('%s is a registry to push to', (text, target) => {
  expect(parsePushTarget(text)).toEqual(target)
  expect(parsePushTarget(pushTargetText(target))).toEqual(target)
})

it.each(['', '/x', 'host/UPPER', 'host/a//b', 'host/../x', 'host/a:tag', 'ho st', 'host:0', 'host:port/x'])(
  '%j is refused with an example',
  (text) => {
    expect(() => parsePushTarget(text)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.any(String) as string }),
    )
  },
)

it('a password in a URL given by mistake is not repeated', () => {
  expect(() => parsePushTarget('https://ann:secret@harbor.example')).toThrow(/\/\/\*\*\*@harbor/)
})
