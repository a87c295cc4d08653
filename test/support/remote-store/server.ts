/**
 * The far end of remote stores: a table of objects with a garbage collector of its own, as an API server has. Several
 * nodes may connect to one server; each connection has its own way there.
 */
import { Informers } from '../../../src/kernel/informer.ts'
import { silentLog } from '../../../src/kernel/log.ts'
import type { ObjectStore } from '../../../src/kernel/object-store.ts'
import type { StoreLimits } from '../../../src/kernel/opened-store.ts'
import { startAll, stopAll } from '../../../src/kernel/component.ts'
import type { System } from '../../../src/kernel/system.ts'
import type { KindDefinition } from '../../../src/objects/kind.ts'
import { createMemoryStore } from '../../../src/store/memory/index.ts'
import { type OpaqueVersions, opaqueVersions } from './opaque-versions.ts'

export interface RemoteServerOptions {
  readonly system: System
  /** Whose objects the garbage collector looks after. */
  readonly kinds: readonly KindDefinition[]
  readonly historyLimit?: number
  readonly objectBytes?: number
}

export interface RemoteServer {
  /** What is stored, seen from the server: at once and without faults. For tests to look at. */
  readonly store: ObjectStore
  readonly limits: StoreLimits
  readonly versions: OpaqueVersions
  readonly historyLimit: number
  stop(): Promise<void>
}

export async function startRemoteServer(options: RemoteServerOptions): Promise<RemoteServer> {
  const { system, kinds, historyLimit = 10_000, objectBytes } = options
  const opened = createMemoryStore({
    system,
    historyLimit,
    ...(objectBytes === undefined ? {} : { objectBytes }),
  })
  const { store, limits } = opened
  const informers = new Informers({ store, system, log: silentLog })
  const collector = opened.components({ store, informers, kinds, system, log: silentLog })
  await startAll([informers, ...collector])
  return {
    store,
    limits,
    historyLimit,
    versions: opaqueVersions(Buffer.from(system.random.bytes(6)).readUIntLE(0, 6)),
    stop: () => stopAll([informers, ...collector]),
  }
}
