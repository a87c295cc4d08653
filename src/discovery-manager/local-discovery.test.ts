import { describe, expect, it } from 'vitest'
import { effectiveConfig } from '../config/index.ts'
import { isLoopback, parseHostPort } from '../objects/host-port.ts'
import { isPeerAddress } from './peer-address.ts'

describe('the local network is used', () => {
  it.each([
    ['nowhere near loopback', { rear: { listen: '127.0.0.1:0' }, neighbours: { mdns: true } }, false],
    ['not by default, as the default is loopback', {}, false],
    ['by a node that others can reach', { rear: { listen: '0.0.0.0:7443' } }, true],
    ['by a supernode', { rear: { listen: '192.0.2.1:7443' }, role: 'supernode' as const }, true],
    ['not by a catalog', { rear: { listen: '192.0.2.1:7443' }, role: 'catalog' as const }, false],
    [
      'by a catalog that is told to',
      { rear: { listen: '[2001:db8::1]:1' }, role: 'catalog' as const, neighbours: { mdns: true } },
      true,
    ],
    ['not when it is switched off', { rear: { listen: '0.0.0.0:7443' }, neighbours: { mdns: false } }, false],
  ])('%s', (_what, config, expected) => {
    expect(effectiveConfig({ name: 'alpha', ...config }).neighbours.mdns).toBe(expected)
  })
})

describe('addresses that others tell us', () => {
  it.each(['192.0.2.1:1', 'alpha.example.org:65535', '[2001:db8::1]:7443', 'my_host:80', 'a:1'])(
    '%s',
    (text) => {
      expect(isPeerAddress(text)).toBe(true)
    },
  )

  it.each([
    '',
    'a',
    'a:',
    'a:0',
    'a:65536',
    ':1',
    '0.0.0.0:1',
    '[::]:1',
    'a b:1',
    'a/b:1',
    'a@b:1',
    '-a:1',
    'a:1\n',
    `${'a'.repeat(300)}:1`,
    null,
    7,
    {},
  ])('not %j', (text) => {
    expect(isPeerAddress(text)).toBe(false)
  })

  it('on loopback are told from others', () => {
    expect(
      ['127.0.0.1:1', '127.9.9.9:0', 'localhost:1', '[::1]:1'].map(parseHostPort).every(isLoopback),
    ).toBe(true)
    expect(
      ['0.0.0.0:1', '192.0.2.1:1', 'host:1', '[2001:db8::1]:1'].map(parseHostPort).some(isLoopback),
    ).toBe(false)
  })
})
