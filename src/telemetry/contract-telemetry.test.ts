import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind } from '../objects/contract.ts'
import { SampleKind } from '../objects/sample.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { ContractTelemetry } from './contract-telemetry.ts'

const EVERY_MS = 30_000

async function prepare() {
  const simulation = createSimulatedSystem(9)
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  const informers = new Informers({ store, system, log: silentLog })
  const signals: AbortSignal[] = []
  const base = { store, informers, system, log: silentLog, self: { id: 'me' } } as unknown as NodeBase
  const telemetry = new ContractTelemetry({
    ...base,
    cluster: { runningUnder: () => 0 },
    isParty: () => true,
    channelFor: () =>
      ({
        request: async ({ signal }: { signal: AbortSignal }) => {
          signals.push(signal)
          return { status: 204, headers: {}, body: undefined }
        },
      }) as never,
  })
  const metadata = { namespace: 'default', name: 'c1' }
  const status = { phase: { phase: 'Active' } }
  const contract = await store.create(ContractKind, { metadata, spec: { role: 'buyer' } } as never)
  await store.update(ContractKind, { ...contract, status } as never, { subresource: 'status' })
  const spec = { contractID: 'c1', role: 'consumer', peer: { nodeID: 'them', address: 'them:1' } }
  await store.create(VirtualRouterKind, { metadata, spec } as never)
  for (const kind of [ContractKind, VirtualRouterKind] as const) informers.of(kind as typeof ContractKind)
  await informers.start()
  const measured = async () => (await store.get(SampleKind, metadata))?.status?.measurements ?? []
  const report = (by: string, at = '2030-01-01T00:00:00Z') =>
    telemetry.routes[0]!.handle({
      params: { contractID: 'c1' },
      body: { at, by, available: true },
      peer: { id: by },
    } as never)
  const sample = async () => (await store.get(SampleKind, metadata))!.status!
  const end = async (): Promise<void> => {
    const stored = (await store.get(ContractKind, metadata))!
    const over = { ...stored, status: { phase: { phase: 'Expired' } } } as unknown as typeof stored
    await store.update(ContractKind, over, { subresource: 'status' })
  }
  return { simulation, telemetry, measured, sample, end, report, signals }
}

describe('the telemetry of contracts', () => {
  it('samples once an interval, also when it was started twice', async () => {
    const { simulation, telemetry, measured } = await prepare()
    await telemetry.start()
    await telemetry.start()
    await simulation.advance(2 * EVERY_MS + 1)
    expect(await measured()).toHaveLength(2)
    await telemetry.stop()
    await simulation.advance(2 * EVERY_MS)
    expect(await measured()).toHaveLength(2)
  })

  it('reports again after a stop and a start', async () => {
    const { simulation, telemetry, measured, signals } = await prepare()
    await telemetry.start()
    await simulation.advance(EVERY_MS + 1)
    await telemetry.stop()
    await telemetry.start()
    await simulation.advance(EVERY_MS + 1)
    expect(await measured()).toHaveLength(2)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    await telemetry.stop()
  })

  it('keeps what we measured however much the other side reports', async () => {
    const { simulation, telemetry, measured, report } = await prepare()
    await telemetry.start()
    await simulation.advance(EVERY_MS + 1)
    await telemetry.stop()
    for (let count = 0; count < 300; count++) await report('them')
    const kept = await measured()
    expect(kept.filter(({ by }) => by === 'me')).toHaveLength(1)
    expect(kept).toHaveLength(121)
  })

  it('puts together what is old, and all of it when the contract is over, and says the same availability', async () => {
    const { simulation, telemetry, sample, end } = await prepare()
    await telemetry.start()
    await simulation.advance(200 * EVERY_MS + 1)
    const before = await sample()
    expect(before.measurements).toHaveLength(120)
    expect(before.chunks!.reduce((sum, { count }) => sum + count, 0)).toBe(80)
    await end()
    await simulation.advance(2 * EVERY_MS)
    const after = await sample()
    expect(after.measurements).toEqual([])
    expect(after.chunks!.reduce((sum, { count }) => sum + count, 0)).toBe(200)
    expect(after.chunks!.length).toBeLessThanOrEqual(3)
    expect(after.availability).toBe(before.availability)
    await telemetry.stop()
  })

  it('refuses what was measured at no time', async () => {
    const { report } = await prepare()
    await expect(report('them', 'soon')).rejects.toMatchObject({ code: 'bad-request' })
  })
})
