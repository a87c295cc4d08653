import { describe, expect, it } from 'vitest'
import { defaultConfigText } from './default-text.ts'
import { parseConfig } from './load.ts'
import { ConfigSchema, type Config } from './schema.ts'

const BETA: Config = {
  name: 'beta',
  role: 'supernode',
  domain: {
    name: 'example.org',
    authority: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
    membership: 'membership.jwt',
  },
  rear: { listen: '127.0.0.1:0' },
  peers: [{ address: '127.0.0.1:1' }],
  cluster: { capacity: { cpu: '500m' }, labels: { 'example.org/zone': 'a' } },
  sell: {
    capacity: { cpu: '4', memory: '4Gi', pods: '20' },
    partition: { step: { cpu: '100m' } },
    price: { amount: '0.10', currency: 'EUR', period: 'hour' },
  },
  allowWorkloads: true,
  log: { level: 'warn' },
}

describe('the configuration that init writes', () => {
  it('reads back as exactly what was asked for', () => {
    expect(parseConfig(defaultConfigText(BETA), 'x')).toEqual(BETA)
    expect(parseConfig(defaultConfigText({ name: 'alpha' }), 'x')).toEqual({ name: 'alpha' })
  })

  it('shows every option, and each is right once its mark is removed', () => {
    const text = defaultConfigText({ name: 'alpha' }).replaceAll(/^#(?=[^ #\n]| {2})/gm, '')
    const everything = parseConfig(text, 'x')
    const properties = ConfigSchema.properties as Readonly<Record<string, { properties?: object }>>
    expect(Object.keys(everything).sort()).toEqual(Object.keys(properties).sort())
    for (const [name, schema] of Object.entries(properties)) {
      const members = Object.keys(schema.properties ?? {}).sort()
      if (members.length > 0)
        expect(Object.keys(everything[name as 'sell'] ?? {}).sort(), name).toEqual(members)
    }
  })

  it('shows in the marks of a group that is set how its other members go', () => {
    const text = defaultConfigText({ name: 'alpha', rear: { listen: '127.0.0.1:1' } })
    const changed = text.replace(/^#(?=  maxBodyBytes)/m, '')
    expect(parseConfig(changed, 'x').rear).toEqual({ listen: '127.0.0.1:1', maxBodyBytes: 1_048_576 })
  })

  it('explains every option on a line before it', () => {
    const lines = defaultConfigText({ name: 'alpha' }).split('\n')
    for (const name of Object.keys(ConfigSchema.properties)) {
      const at = lines.findIndex((line) => line.replace(/^#/, '').startsWith(`${name}:`))
      expect(lines[at - 1], name).toMatch(/^# /)
    }
  })
})
