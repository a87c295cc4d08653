import { afterEach, beforeEach, expect, it } from 'vitest'
import { passTime, type PassingTime } from '../../test/support/pass-time.ts'
import {
  openRemoteStore,
  startRemoteServer,
  type RemoteServer,
  type RemoteStore,
} from '../../test/support/remote-store/index.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { WIDGET, widget } from '../../test/support/widget.ts'
import type { Component } from '../kernel/component.ts'
import { Fence, fencedStore } from '../kernel/fenced-store.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { type ObjectStore, StoreError } from '../kernel/object-store.ts'
import type { NodeId } from '../objects/ids.ts'
import { ActiveProcess } from './active-process.ts'

let simulation: SimulatedSystem
let server: RemoteServer
let passing: PassingTime
const processes: ActiveProcess[] = []

beforeEach(async () => {
  simulation = createSimulatedSystem(5)
  server = await startRemoteServer({ system: simulation.system, kinds: [] })
  passing = passTime(simulation)
})

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.stop()))
  await passing.stop()
  await server.stop()
})

interface MadeProcess {
  readonly active: ActiveProcess
  /** The way to the store. */
  readonly remote: RemoteStore
  /** The store as what acts has it. */
  readonly store: ObjectStore
  readonly lost: () => number
}

function make(name: string, component: Component = noop()): MadeProcess {
  const system = simulation.named(name)
  const remote = openRemoteStore({ server, system }).store
  const fence = new Fence()
  let lost = 0
  const active = new ActiveProcess({
    ...{ store: remote, fence, exclusive: false, system, log: silentLog, name },
    nodeID: 'did:key:z6MkTest' as NodeId,
    informers: new Informers({ store: remote, system, log: silentLog }),
    components: [component],
    standby: new Set(),
    onLost: () => void lost++,
  })
  processes.push(active)
  return { active, remote, store: fencedStore(remote, fence), lost: () => lost }
}

function noop(): Component & { readonly running: boolean } {
  let running = false
  return {
    get running() {
      return running
    },
    start: () => Promise.resolve(void (running = true)),
    stop: () => Promise.resolve(void (running = false)),
  }
}

/** A component whose start fails so often. */
function failing(times: number, error: Error): Component & { readonly starts: number } {
  let starts = 0
  return {
    get starts() {
      return starts
    },
    start: () => (++starts <= times ? Promise.reject(error) : Promise.resolve()),
    stop: () => Promise.resolve(),
  }
}

it('acts although the store did not answer what started at first', async () => {
  const component = failing(3, new StoreError('Unavailable', 'the answer was lost'))
  const one = make('one', component)
  await one.active.start()
  await passing.advance(20_000)
  expect(component.starts).toBe(4)
  expect(one.active.current.role).toBe('active')
  expect(one.lost()).toBe(0)
})

it('is lost when something cannot be started for another reason, or never', async () => {
  for (const error of [new Error('the port is taken'), new StoreError('Unavailable', 'gone')]) {
    const one = make('one', failing(Infinity, error))
    await one.active.start()
    await passing.advance(40_000)
    expect(one.lost()).toBe(1)
    expect(one.active.current.role).toBe('standby')
    await one.active.stop()
  }
})

it('stops and does no harm, while it lives, when it cannot reach the store and another takes over', async () => {
  const works = noop()
  const [one, two] = [make('one', works), make('two')]
  await one.active.start()
  await passing.advance(5_000)
  await two.active.start()
  await passing.advance(5_000)
  expect([one.active.current.role, two.active.current.role]).toEqual(['active', 'standby'])
  await one.store.create(WIDGET, widget('before'))

  one.remote.setFaults({ requestLost: 1 })
  await passing.advance(15_000)
  expect(two.active.current.role).toBe('active')
  expect(works.running).toBe(false)
  expect(one.lost()).toBe(1)

  // The way is free again, and it is not its turn any more: what it had begun is not written.
  one.remote.setFaults({ requestLost: 0 })
  await expect(one.store.create(WIDGET, widget('late'))).rejects.toMatchObject({
    code: 'Unavailable',
    message: 'another process acts for this node',
  })
  await passing.advance(60_000)
  expect([one.active.current.role, two.active.current.role]).toEqual(['standby', 'active'])
  expect(one.lost()).toBe(1)
  expect((await server.store.list(WIDGET)).items.map(({ metadata }) => metadata.name)).toEqual(['before'])
})
