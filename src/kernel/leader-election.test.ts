import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  openRemoteStore,
  type RemoteServer,
  type RemoteStore,
  startRemoteServer,
} from '../../test/support/remote-store/index.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { type Lease, LeaseKind } from '../objects/core/lease.ts'
import { LeaderElection } from './leader-election.ts'
import { silentLog } from './log.ts'
import { retryThrottled } from './retry-throttled.ts'
import type { System } from './system.ts'

const KEY = { namespace: 'default', name: 'node' }

let simulation: SimulatedSystem
let server: RemoteServer
/** Who leads, in the order in which it was told: `+a` begins, `-a` ends. */
let told: string[]
let mostAtATime: number
let candidates: LeaderElection[]

beforeEach(async () => {
  simulation = createSimulatedSystem(3)
  server = await startRemoteServer({ system: simulation.system, kinds: [] })
  told = []
  mostAtATime = 0
  candidates = []
})

afterEach(async () => {
  const stopping = Promise.all(candidates.map((each) => each.stop()))
  await simulation.advance(60_000)
  await stopping
  await server.stop()
})

interface Candidate {
  readonly election: LeaderElection
  readonly store: RemoteStore
}

/** @param skewMs by how much the wall clock of its process is wrong */
function candidate(name: string, skewMs = 0): Candidate {
  const own = simulation.named(name)
  const system: System = {
    ...own,
    clock: {
      ...own.clock,
      now: () => own.clock.now() + skewMs,
      monotonic: () => own.clock.monotonic() + Math.abs(skewMs),
      after: own.clock.after,
    },
  }
  const { store } = openRemoteStore({ server, system: own })
  const election = new LeaderElection({
    store: retryThrottled(store, own.clock),
    system,
    log: silentLog,
    lease: KEY,
    identity: name,
    onStarted() {
      told.push(`+${name}`)
      mostAtATime = Math.max(mostAtATime, candidates.filter(({ isLeader }) => isLeader).length)
    },
    onStopped() {
      told.push(`-${name}`)
    },
  })
  candidates.push(election)
  return { election, store }
}

const lease = async (): Promise<Lease> => (await server.store.get(LeaseKind, KEY))!

describe('leader election', () => {
  it('has one leader of many, which keeps the lease, and says so as Kubernetes does', async () => {
    const all = ['a', 'b', 'c'].map((name) => candidate(name))
    await Promise.all(all.map(({ election }) => election.start()))
    await simulation.advance(60_000)
    expect(told).toHaveLength(1)
    const { spec } = await lease()
    expect(`+${spec.holderIdentity}`).toBe(told[0])
    expect(spec).toMatchObject({ leaseDurationSeconds: 10, leaseTransitions: 0 })
    expect(spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(Date.parse(spec.renewTime!)).toBeGreaterThan(Date.parse(spec.acquireTime!))
    expect(mostAtATime).toBe(1)
  })

  it('goes over within 15 seconds when the leader can no longer reach the store, and it has stopped before', async () => {
    const a = candidate('a')
    await a.election.start()
    await simulation.advance(3_000)
    const b = candidate('b')
    await b.election.start()
    await simulation.advance(20_000)
    expect(told).toEqual(['+a'])
    a.store.setFaults({ requestLost: 1 })
    const since = simulation.now()
    await simulation.runUntil(() => told.length === 3, { limitMs: 15_000 })
    expect(simulation.now() - since).toBeGreaterThan(7_000)
    expect(told).toEqual(['+a', '-a', '+b'])
    expect((await lease()).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
    a.store.setFaults({ requestLost: 0 })
    await simulation.advance(30_000)
    expect(told).toHaveLength(3)
  })

  it.each([-3_600_000, 3_600_000])('does not compare clocks: one is wrong by %d ms', async (skewMs) => {
    const a = candidate('a', skewMs)
    await a.election.start()
    await simulation.advance(3_000)
    const b = candidate('b')
    await b.election.start()
    await simulation.advance(120_000)
    expect(told).toEqual(['+a'])
    a.store.setFaults({ requestLost: 1 })
    await simulation.runUntil(() => told.length === 3, { limitMs: 15_000 })
    expect(told).toEqual(['+a', '-a', '+b'])
  })

  it('counts a renewal whose answer was lost for the others, and not for itself', async () => {
    const a = candidate('a')
    await a.election.start()
    await simulation.advance(3_000)
    const b = candidate('b')
    await b.election.start()
    await simulation.advance(10_000)
    a.store.setFaults({ answerLost: 1 })
    await simulation.advance(60_000)
    // It renews in fact, so that nobody else may lead; but it cannot know, so that it does not lead either.
    expect(told).toEqual(['+a', '-a'])
    a.store.setFaults({ answerLost: 0 })
    await simulation.advance(3_000)
    expect(told).toEqual(['+a', '-a', '+a'])
  })

  it('is given away at a stop: another leads within moments', async () => {
    const a = candidate('a')
    await a.election.start()
    await simulation.advance(3_000)
    const b = candidate('b')
    await b.election.start()
    await simulation.advance(3_000)
    const stopping = a.election.stop()
    await simulation.advance(3_000)
    await stopping
    expect(told).toEqual(['+a', '-a', '+b'])
    expect(a.election.isLeader).toBe(false)
    await a.election.start()
    await simulation.advance(30_000)
    expect(told).toHaveLength(3)
  })

  it('bears everyday faults and other writers without two leaders at a time', async () => {
    const all = ['a', 'b', 'c'].map((name) => candidate(name))
    await Promise.all(all.map(({ election }) => election.start()))
    for (const { store } of all) {
      store.setFaults({ otherWriter: 0.2, answerLost: 0.15, requestLost: 0.15, throttled: 0.1 })
    }
    await simulation.advance(3_600_000)
    expect(mostAtATime).toBe(1)
    // Each begins after the one before has ended.
    for (const [index, line] of told.entries()) expect(line[0]).toBe(index % 2 === 0 ? '+' : '-')
    for (let index = 1; index < told.length; index += 2) {
      expect(told[index]!.slice(1)).toBe(told[index - 1]!.slice(1))
    }
  })

  it('refuses times with which two could lead', () => {
    const options = { lease: KEY, identity: 'x', onStarted: () => undefined, onStopped: () => undefined }
    const parts = { store: server.store, system: simulation.system, log: silentLog }
    expect(() => new LeaderElection({ ...parts, ...options, durationMs: 5_000 })).toThrow(RangeError)
  })
})
