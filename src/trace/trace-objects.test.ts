import { describe, expect, it, vi } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { silentLog } from '../kernel/log.ts'
import { StoreError } from '../kernel/object-store.ts'
import { TraceKind } from '../objects/trace.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Recorder } from './recorder.ts'
import { TraceObjects, traceName } from './trace-objects.ts'

describe('traces as objects', () => {
  const simulation = createSimulatedSystem(3)
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  const make = (): Recorder =>
    new Recorder({ system, node: 'me', sinks: [new TraceObjects({ store, system, log: silentLog })] })
  const eventsOf = async (traceID: string) =>
    (await store.get(TraceKind, { namespace: 'default', name: traceName({ traceID }) }))?.status?.events ?? []

  it('are written with one call a time, and read never', async () => {
    const recorder = make()
    const trace = recorder.begin()
    const get = vi.spyOn(store, 'get')
    const create = vi.spyOn(store, 'create')
    const update = vi.spyOn(store, 'update')
    for (let step = 0; step < 50; step++) {
      recorder.step(trace, 'list-sent')
      await simulation.advance(60)
    }
    await recorder.flush()
    const calls = create.mock.calls.length + update.mock.calls.length
    expect(get).not.toHaveBeenCalled()
    expect(create).toHaveBeenCalledTimes(1)
    expect(calls).toBeLessThanOrEqual(6)
    vi.restoreAllMocks()
    expect(await eventsOf(trace.traceID)).toHaveLength(50)
  })

  it('are added to by two processes on one store, and by a later life', async () => {
    const [one, other] = [make(), make()]
    const trace = one.begin()
    one.step(trace, 'list-sent')
    other.step(trace, 'reserve-sent')
    await Promise.all([one.flush(), other.flush()])
    one.step(trace, 'contract-created')
    await one.flush()
    const later = make()
    later.step(trace, 'workload-deployed')
    await later.stop()
    const actions = (await eventsOf(trace.traceID)).map(({ action }) => action)
    expect(actions.sort()).toEqual(['contract-created', 'list-sent', 'reserve-sent', 'workload-deployed'])
  })

  it('have each step once although the answer of a write that took effect was lost', async () => {
    const recorder = make()
    const trace = recorder.begin()
    const { create } = store
    vi.spyOn(store, 'create').mockImplementationOnce(async (...args) => {
      await create.apply(store, args)
      throw new StoreError('Unavailable', 'the answer was lost')
    })
    recorder.step(trace, 'list-sent')
    await recorder.flush()
    recorder.step(trace, 'reserve-sent')
    await simulation.advance(2_000)
    expect((await eventsOf(trace.traceID)).map(({ action }) => action)).toEqual(['list-sent', 'reserve-sent'])
    vi.restoreAllMocks()
  })
})
