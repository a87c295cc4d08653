import { describe, expect, it } from 'vitest'
import { InvalidObject } from '../api/index.ts'
import { IntentKind } from '../objects/intent.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { PeerKind } from '../objects/peer.ts'
import { PoolKind } from '../objects/pool.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { SolverKind } from '../objects/solver.ts'
import { testIdentity } from '../../test/support/identities.ts'
import { admit } from './admission.ts'

/** @returns what is said of an intent with one container, by field */
function complaints(container: object, spec: object = {}): readonly (readonly [string, string])[] {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'w', ...container }] } }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec },
  }
  try {
    admit(IntentKind, { metadata: { name: 'x' }, spec: { workload: [deployment] } })
    return []
  } catch (error) {
    if (!(error instanceof InvalidObject)) throw error
    return error.causes.map(({ field, message }) => [
      field.replace('spec.workload[0].', '').replace('spec.template.spec.containers[0].', ''),
      message,
    ])
  }
}

describe('a peer that the user writes', () => {
  const told = (spec: object): readonly string[] => {
    try {
      admit(PeerKind, { metadata: { name: 'x' }, spec: { source: 'configured', ...spec } })
      return []
    } catch (error) {
      if (!(error instanceof InvalidObject)) throw error
      return error.causes.map(({ field }) => field)
    }
  }

  it('has a node id that is one, and an address that can be dialled', () => {
    const { id } = testIdentity('alice')
    expect(told({ nodeID: id, address: '192.0.2.7:7443' })).toEqual([])
    expect(told({ nodeID: 'x', address: 'noport' })).toEqual(['spec.nodeID', 'spec.address'])
    expect(told({ nodeID: id.slice(0, -2) })).toEqual(['spec.nodeID'])
    expect(told({ address: '0.0.0.0:7443' })).toEqual(['spec.address'])
  })
})

describe('what an intent carries', () => {
  it('passes when it is as it should be', () => {
    expect(complaints({ command: ['sleep', '1'], resources: { requests: { cpu: '1' } } })).toEqual([])
  })

  it('is told of once for each field that is wrong, and why', () => {
    const wrong = complaints(
      { comand: ['sleep'], resources: { requests: { cpu: '1x' }, limits: { memory: '-1Gi' } } },
      { replicas: 'two' },
    )
    expect(wrong.map(([field]) => field).toSorted()).toEqual([
      'comand',
      'resources.limits.memory',
      'resources.requests.cpu',
      'spec.replicas',
    ])
    const of = Object.fromEntries(wrong)
    expect(of['comand']).toBe('unknown field; did you mean command?')
    expect(of['resources.requests.cpu']).toContain('is not a quantity')
    expect(of['resources.limits.memory']).toBe('must not be negative')
    expect(of['spec.replicas']).toContain('must be integer')
  })
})

describe('money, amounts and filters that the user writes', () => {
  const told = (kind: KindDefinition, spec: object): readonly string[] => {
    try {
      admit(kind, { metadata: { name: 'x' }, spec })
      return []
    } catch (error) {
      if (!(error instanceof InvalidObject)) throw error
      return error.causes.map(({ field, message }) => `${field}: ${message}`)
    }
  }

  it('are refused with their field when they cannot be read', () => {
    const price = { amount: '1', currency: '', period: 'hour' }
    expect(told(PoolKind, { price })).toEqual([expect.stringMatching(/^spec\.price: .*is not a currency/)])
    expect(told(ReservationKind, { price: { ...price, currency: 'EUR', period: 'fortnight' } })).toEqual([
      expect.stringMatching(/^spec\.price: .*"fortnight" is not a period/),
    ])
    const configuration = { type: 'K8Slice', data: { cpu: 'many', memory: '1Gi', pods: '1' } }
    expect(told(ReservationKind, { configuration })).toEqual([
      expect.stringMatching(/^spec\.configuration\.data: .*cpu: "many" is not a quantity/),
    ])
    const selector = {
      flavorType: 'K8Slice',
      filters: { cpuFilter: { name: 'Range', data: { min: 'abc' } } },
    }
    expect(told(SolverKind, { selector })).toEqual([
      expect.stringMatching(/^spec\.selector\.filters\.cpuFilter: .*abc/),
    ])
  })

  it('are taken when they can', () => {
    expect(told(PoolKind, { price: { amount: '0.05', currency: 'EUR', period: 'hour' } })).toEqual([])
    expect(told(PoolKind, { price: { amount: '', currency: '', period: '' } })).toEqual([])
    expect(told(SolverKind, {})).toEqual([])
  })
})
