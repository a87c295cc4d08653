import { describe, expect, it } from 'vitest'
import { effectiveConfig, type Config } from '../config/index.ts'
import { nodeStatus } from './node-status.ts'

const warningsOf = (rear: Config['rear']): readonly string[] =>
  nodeStatus({
    config: effectiveConfig({ name: 'alpha', ...(rear ? { rear } : {}) }),
    self: { id: 'did:key:z6Mk', name: 'alpha', domain: '', identity: () => ({ ip: '' }) } as never,
    role: 'node',
    fabric: { name: 'embedded', enforcement: '', isolation: '', architectures: ['amd64'] } as never,
    peers: [],
    uptimeMs: 0,
    plainAddress: undefined,
    warnings: [],
    process: { role: 'active' },
  }).warnings.map(({ code }) => code)

describe('the status of a node', () => {
  it.each(['0.0.0.0:7443', '[::]:7443', '0:7443', '[::0]:7443', '[0:0:0:0:0:0:0:0]:7443'])(
    'warns that nobody is told where to reach a node that listens on %s and advertises nothing',
    (listen) => {
      expect(warningsOf({ listen })).toContain('no-advertised-address')
      expect(warningsOf({ listen, advertise: 'node.example.org:7443' })).not.toContain(
        'no-advertised-address',
      )
    },
  )

  it.each([undefined, '127.0.0.1:0', '192.0.2.7:7443', '[2001:db8::7]:7443', '[::1]:7443', '10.0.0.0:1'])(
    'does not warn of %s',
    (listen) => {
      expect(warningsOf(listen === undefined ? undefined : { listen })).not.toContain('no-advertised-address')
    },
  )
})
