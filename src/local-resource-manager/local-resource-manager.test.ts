import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import type { Config } from '../config/index.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { mutateStatus } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { PoolKind, type LedgerEntry, type Pool } from '../objects/pool.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { LocalResourceManager, localArchitecture, measuredCapacity, poolSpecs } from './index.ts'

const SELL: NonNullable<Config['sell']> = {
  capacity: { cpu: '4.0', memory: '8192Mi' },
  partition: { minimum: { cpu: '500m' } },
  price: { amount: '1', currency: 'EUR', period: 'hour' },
  location: { city: 'Turin' },
  visibility: 'listed',
}
const CAMERA = { name: 'camera', type: 'sensor', data: { name: 'camera' }, access: { url: 'x' } } as const

describe('the pools of a configuration', () => {
  it('are one of compute, in canonical quantities, and one for each other offer', () => {
    expect(poolSpecs({ sell: SELL, offers: [CAMERA, { ...CAMERA, name: 'two', units: 2 }] })).toEqual([
      {
        name: 'compute',
        spec: {
          flavorType: 'k8slice',
          capacity: { cpu: '4', memory: '8Gi', pods: '110' },
          partition: { minimum: { cpu: '500m' } },
          data: { architecture: localArchitecture(), properties: {} },
          price: SELL.price,
          location: { city: 'Turin' },
          visibility: 'listed',
        },
      },
      {
        name: 'offer-camera',
        spec: {
          flavorType: 'sensor',
          capacity: { units: '1' },
          partition: {},
          data: { name: 'camera' },
          price: { amount: '', currency: '', period: '' },
          access: { url: 'x' },
        },
      },
      expect.objectContaining({
        name: 'offer-two',
        spec: expect.objectContaining({ capacity: { units: '2' } }),
      }),
    ])
    expect(poolSpecs({})).toEqual([])
  })

  it('are of no more than this machine measures', () => {
    expect(Number(measuredCapacity()['cpu'])).toBeGreaterThan(0)
    expect(measuredCapacity()['memory']).toMatch(/^[0-9]+[MG]i$/)
  })
})

describe('a start with another configuration', () => {
  const { system } = createSimulatedSystem(1)
  const entry = (id: string, cpu: string): LedgerEntry => ({
    ...{ id, state: 'allocated', contractID: `contract-${id}`, buyer: 'b', flavorID: 'f' },
    amounts: { cpu, memory: '1Gi', pods: '1' },
    expiresAt: '2040-01-01T00:00:00Z',
  })

  async function startWith(
    configs: readonly Pick<Config, 'sell' | 'offers'>[],
    between: (pool: Pool) => Pool['status'] = ({ status }) => status,
  ): Promise<readonly Pool[]> {
    const { store } = createMemoryStore({ system })
    for (const config of configs) {
      const informers = new Informers({ store, system, log: silentLog })
      await new LocalResourceManager({ store, informers } as NodeBase, config).start()
      const { items } = await store.list(PoolKind)
      if (config !== configs.at(-1))
        for (const pool of items) await mutateStatus(store, PoolKind, pool.metadata as never, between)
    }
    return (await store.list(PoolKind)).items
  }
  const sold = (): Pool['status'] => ({
    revision: 1,
    entries: [entry('a', '3')],
    free: { cpu: '1', memory: '7Gi', pods: '109' },
  })

  it('changes nothing when nothing changed', async () => {
    const [pool] = await startWith([{ sell: SELL }, { sell: SELL }], sold)
    expect(pool!.status).toEqual(sold())
  })

  it('sells more where there is more', async () => {
    const more = { ...SELL, capacity: { cpu: '8', memory: '8Gi' } }
    const [pool] = await startWith([{ sell: SELL }, { sell: more }], sold)
    expect(pool!.spec.capacity['cpu']).toBe('8')
    expect(pool!.status).toMatchObject({ revision: 2, free: { cpu: '5' }, entries: [{ id: 'a' }] })
  })

  it('keeps what is sold where there is less, and has nothing free until it is given back', async () => {
    const less = { ...SELL, capacity: { cpu: '2', memory: '8Gi' } }
    const [pool] = await startWith([{ sell: SELL }, { sell: less }], sold)
    expect(pool!.status).toMatchObject({ free: { cpu: '-1' }, entries: [{ id: 'a', amounts: { cpu: '3' } }] })
  })

  it('takes off the market what is not offered any more, and keeps it while it is sold', async () => {
    const [pool] = await startWith([{ sell: SELL }, {}], sold)
    expect(pool!.spec).toMatchObject({ retired: true, capacity: { cpu: '3', memory: '1Gi', pods: '1' } })
    expect(pool!.status).toMatchObject({ free: { cpu: '0', memory: '0', pods: '0' }, entries: [{ id: 'a' }] })
    expect(await startWith([{ offers: [CAMERA] }, {}])).toEqual([])
  })

  it('puts it on the market again when it is offered again', async () => {
    const [pool] = await startWith([{ sell: SELL }, {}, { sell: SELL }], (each) =>
      each.status?.entries.length ? each.status : sold(),
    )
    expect(pool!.spec).not.toHaveProperty('retired')
    expect(pool!.status).toMatchObject({ free: { cpu: '1', memory: '7Gi', pods: '109' } })
  })
})
