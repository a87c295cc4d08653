import { describe, expect, it } from 'vitest'
import type { Pool, PoolSpec } from '../objects/pool.ts'
import { decodeFlavor, flavorFromWire, flavorToWire } from '../rear/wire/index.ts'
import { poolTag } from './first-shard.ts'
import { flavorIdOf, flavorOf, poolTagOf, priceOf } from './flavor-of-pool.ts'

const SPEC: PoolSpec = {
  flavorType: 'k8slice',
  capacity: { cpu: '4', memory: '8Gi', pods: '10', 'gpu.cores': '2', 'gpu.memory': '16Gi' },
  partition: { minimum: { cpu: '500m' }, step: { memory: '64Mi' }, maximum: { cpu: '2' } },
  data: { architecture: 'arm64', gpu: { model: 'small' }, properties: { latency: 3 } },
  price: { amount: '4', currency: 'EUR', period: 'hour' },
  location: { city: 'Turin' },
  visibility: 'listed',
}
const OWNER = { domain: 'Example.org', nodeID: 'did:key:me', ip: 'here:1' }

function pool(status?: Pool['status'], spec: PoolSpec = SPEC, uid = 'uid-1'): Pool {
  const metadata = { name: 'compute', uid, resourceVersion: '1', generation: 1, creationTimestamp: '' }
  return { apiVersion: 'tributary.io/v1alpha1', kind: 'Pool', metadata, spec, ...(status ? { status } : {}) }
}

describe('the flavor of a pool', () => {
  it.each([{}, { name: 'db', tags: 'sql', hostingPolicies: ['Provider'] }])(
    'of a service goes out and comes in, however little is said of it: %j',
    (data) => {
      const units = { units: '1' }
      const offer: PoolSpec = {
        flavorType: 'service',
        capacity: units,
        partition: {},
        data,
        price: SPEC.price,
      }
      const { id, spec } = flavorOf(pool(undefined, offer), OWNER)!
      const sent = JSON.stringify(flavorToWire({ metadata: { name: id }, spec }))
      const wire = decodeFlavor(JSON.parse(sent))
      expect(flavorFromWire(wire).flavorType).toMatchObject({
        typeIdentifier: 'Service',
        typeData: { name: 'compute', description: '', category: '', ...data, tags: [] },
      })
    },
  )

  it('says what is free, in which parts it is sold, and what the rest of it costs', () => {
    const free = {
      ...SPEC.capacity,
      cpu: '2',
      memory: '4Gi',
      'gpu.cores': '1',
      'gpu.memory': '8Gi',
      pods: '5',
    }
    const flavor = flavorOf(pool({ revision: 3, holds: 0, allocations: 0, free }), OWNER)!
    expect(flavor.spec).toEqual({
      providerID: 'did:key:me',
      owner: OWNER,
      availability: true,
      poolName: 'compute',
      location: { city: 'Turin' },
      visibility: 'listed',
      price: {
        ...{ amount: '2', currency: 'EUR', period: 'hour' },
        units: { cpu: '0.5', memory: '0.25' },
      },
      flavorType: {
        typeIdentifier: 'K8Slice',
        typeData: {
          characteristics: {
            architecture: 'arm64',
            cpu: '2',
            memory: '4Gi',
            pods: '5',
            gpu: { model: 'small', cores: '1', memory: '8Gi' },
          },
          properties: { latency: 3 },
          policies: {
            partitionability: {
              ...{ cpuMin: '500m', memoryMin: '0', podsMin: '0' },
              ...{ cpuStep: '0', memoryStep: '64Mi', podsStep: '0' },
              cpuMax: '2',
            },
          },
        },
      },
    })
  })

  it('has an id that changes with every revision, and always leads to its pool', () => {
    const ids = [0, 1, 35, 36, 1_000_000].map((revision) =>
      flavorIdOf(pool({ revision, holds: 0, allocations: 0, free: SPEC.capacity }), OWNER.domain),
    )
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) {
      expect(id).toMatch(/^example\.org-k8slice-[0-9a-f]{8}-[0-9a-z]+$/)
      expect(poolTagOf(id)).toBe(poolTag(pool()))
    }
    expect(poolTag(pool(undefined, SPEC, 'uid-2'))).not.toBe(poolTag(pool()))
  })

  it.each(['', 'flavor', 'example.org-k8slice-xyz-1', 'example.org-k8slice-12345678'])(
    'is not in %j, which is no id of ours',
    (id) => {
      expect(poolTagOf(id)).toBeUndefined()
    },
  )

  it('is none when too little is left, or when the pool is off the market', () => {
    const free = { ...SPEC.capacity, cpu: '400m' }
    expect(flavorOf(pool({ revision: 1, holds: 0, allocations: 0, free }), OWNER)).toBeUndefined()
    expect(flavorOf(pool(undefined, { ...SPEC, retired: true }), OWNER)).toBeUndefined()
  })

  it('of another type has the data of the configuration, and the price of one', () => {
    const spec: PoolSpec = {
      ...SPEC,
      flavorType: 'service',
      capacity: { units: '3' },
      partition: {},
      data: { name: 'pg' },
    }
    const flavor = flavorOf(
      pool({ revision: 1, holds: 0, allocations: 0, free: { units: '1' } }, spec),
      OWNER,
    )!
    expect(flavor.spec).toMatchObject({
      flavorType: { typeIdentifier: 'Service', typeData: { name: 'pg' } },
      price: SPEC.price,
    })
    expect(priceOf(spec, { units: '1' })).toEqual(SPEC.price)
    expect(priceOf(SPEC, { cpu: '1', memory: '1Gi' })).toMatchObject({ amount: '0.75' })
  })
})
