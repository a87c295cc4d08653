import { describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import { effectiveConfig } from './effective.ts'
import { parseConfig } from './load.ts'
import type { Config } from './schema.ts'

describe('the configuration that a node goes by', () => {
  it('has every default', () => {
    expect(effectiveConfig({ name: 'alpha' })).toMatchObject({
      role: 'node',
      domain: { name: 'local', membershipLifetimeMs: 86_400_000 },
      rear: { listen: { host: '127.0.0.1', port: 0 }, maxBodyBytes: 1_048_576 },
      control: { listen: { host: '127.0.0.1', port: 0 } },
      acceptance: 'domain',
      catalog: { quota: 1_000, longestValidityMs: 3_600_000 },
      contracts: {
        holdMs: 120_000,
        longestMs: 365 * 86_400_000,
        longestUnauthenticatedMs: 3_600_000,
        holds: { perBuyer: 100, perDomain: 400, perMinute: 120, share: 0.5 },
      },
      ratings: { share: true },
      retention: {
        contractsMs: 90 * 86_400_000,
        factsMs: 365 * 86_400_000,
        eventsMs: 3_600_000,
        plansMs: 3_600_000,
        traces: 2_000,
      },
      supernode: { introduce: true },
      allowWorkloads: false,
    })
  })

  it('has durations in milliseconds, addresses read, and amounts in their canonical form', () => {
    const { contracts, rear, cluster } = effectiveConfig({
      name: 'alpha',
      contracts: { hold: '90s' },
      rear: { listen: '[::1]:7443' },
      cluster: { capacity: { cpu: '0.5' } },
    })
    expect(contracts.holdMs).toBe(90_000)
    expect(rear.listen).toEqual({ host: '::1', port: 7443 })
    expect(cluster.capacity).toEqual({ cpu: '500m' })
  })

  it.each<[string, Partial<Config>]>([
    ['contracts.hold', { contracts: { hold: '0s' } }],
    ['contracts.longestUnauthenticated', { contracts: { longestUnauthenticated: 'x' } }],
    ['contracts.longest', { contracts: { longest: 'soon' } }],
    ['domain.membershipLifetime', { domain: { name: 'a', membershipLifetime: '24' } }],
    ['catalog.longestValidity', { catalog: { longestValidity: '1 hour' } }],
    ['retention.contracts', { retention: { contracts: '3 weeks' } }],
    ['retention.facts', { retention: { facts: '7d' } }],
    ['rear.listen', { rear: { listen: 'nowhere' } }],
    ['rear.advertise', { rear: { advertise: 'host:0' } }],
    ['control.listen', { control: { listen: '127.0.0.1:65536' } }],
    ['peers.1.address', { peers: [{ address: 'a:1' }, { address: 'b' }] }],
    ['neighbours.multicast.address', { neighbours: { multicast: { address: '192.0.2.1:4000' } } }],
    ['sell.capacity.memory', { sell: { capacity: { cpu: '1', memory: 'much' } } }],
  ])('refuses a %s that cannot be read', (field, config) => {
    const read = (): unknown => effectiveConfig({ name: 'alpha', ...config })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(`${field}: `)
  })

  it('is what is checked when the file is loaded, so that the complaint names the line', () => {
    const text = 'name: alpha\npeers:\n  - address: 192.0.2.7:7443\n  - address: nowhere\n'
    expect(() => parseConfig(text, 'config.yaml')).toThrow(
      'config.yaml:4: peers.1.address: "nowhere" is not host:port',
    )
  })

  it('takes the price of the whole or of units, with numbers as they are, and reckons the one from the other', () => {
    const capacity = { cpu: 4, memory: '8Gi' }
    const price = { currency: 'EUR', period: 'hour' } as const
    const sold = (of: object) =>
      effectiveConfig({ name: 'x', sell: { capacity, price: { ...price, ...of } } }).sell
    expect(sold({ amount: 0.5 })).toMatchObject({
      capacity: { cpu: '4' },
      price: { ...price, amount: '0.5' },
    })
    expect(sold({ units: { cpu: 0.01, memory: '0.0025', pods: 0 } })?.price).toEqual({
      ...price,
      amount: '0.06',
      units: { cpu: '0.01', memory: '0.0025', pods: '0' },
    })
    expect(() => sold({})).toThrow(/sell\.price: want either amount or units/)
    expect(() => sold({ amount: 1, units: {} })).toThrow(/sell\.price: want either amount or units/)
    expect(() => sold({ units: { gpu: 1 } })).toThrow(/sell\.price: units: there is no gpu in the capacity/)
    expect(() => sold({ amount: 1e-12 })).toThrow(/sell\.price: "1e-12" is not an amount/)
  })
})
