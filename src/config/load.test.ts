import { describe, expect, it } from 'vitest'
import { parseConfig } from './load.ts'

describe('a configuration', () => {
  it('names file, line and field of an unknown member, and the right one', () => {
    expect(() => parseConfig('name: a\ncontrl: {}\n', 'config.yaml')).toThrow(
      'config.yaml:2: unknown field contrl; did you mean control?',
    )
    expect(() => parseConfig('name: a\nrear:\n  lisen: x\n', 'config.yaml')).toThrow(
      'config.yaml:3: unknown field rear.lisen; did you mean listen?',
    )
  })

  it('names the place of a wrong value', () => {
    expect(() => parseConfig('name: a\nlog:\n  level: loud\n', 'config.yaml')).toThrow(
      /^config\.yaml:3: log\.level /,
    )
    expect(() => parseConfig('name: a\nrole: boss\n', 'x')).toThrow(
      'x:2: role must be one of node, supernode, catalog',
    )
    expect(() => parseConfig('name: a\npeers: [{ id: x }]\n', 'x')).toThrow('x:2: peers.0 has no address')
    expect(() => parseConfig('name: [\n', 'config.yaml')).toThrow(/^config\.yaml:\d: not YAML: /)
    expect(() => parseConfig('role: node\n', 'config.yaml')).toThrow(/name/)
  })
})
