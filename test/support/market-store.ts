/**
 * The store of one node of a simulated market: in memory, in a file, or far away. It outlives the node.
 */
import { join } from 'node:path'
import type { Log } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import type { OpenedStore } from '../../src/kernel/opened-store.ts'
import { retryThrottled } from '../../src/kernel/retry-throttled.ts'
import type { System } from '../../src/kernel/system.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { openSqliteStore } from '../../src/store/sqlite/index.ts'
import { mortalStore, type MortalStore } from './mortal-store.ts'
import {
  EVERYDAY_FAULTS,
  FAR_AWAY,
  openRemoteStore,
  type RemoteFaults,
  type RemoteStore,
  startRemoteServer,
} from './remote-store/index.ts'

export const MARKET_STORES = ['memory', 'sqlite', 'remote'] as const
export type MarketStoreKind = (typeof MARKET_STORES)[number]

/** One life of a node, and the store as the node has it. */
export interface StoreLife {
  readonly life: MortalStore
  readonly openedStore: OpenedStore
}

export interface MarketStore {
  /** What is stored, at once and without faults. */
  readonly store: ObjectStore
  /** The connection of the node, where the store is far away: what it asked, and what goes wrong. */
  readonly remote: RemoteStore | undefined
  begin(): StoreLife
  close(): Promise<void>
}

export interface MarketStoreOptions {
  readonly kind: MarketStoreKind
  /** The node's own. */
  readonly system: System
  /** Decides what goes wrong on the way to a store that is far away. */
  readonly connection: System
  readonly log: Log
  readonly directory: string
  /** Of a remote store; what is everyday unless given. */
  readonly faults?: Partial<RemoteFaults>
}

/** @returns the kind of store that markets are on unless they say: `MARKET_STORE`, or memory */
export function marketStoreKind(): MarketStoreKind {
  const wanted = process.env['MARKET_STORE'] ?? 'memory'
  const kind = MARKET_STORES.find((each) => each === wanted)
  if (kind === undefined) throw new Error(`MARKET_STORE: want one of ${MARKET_STORES.join(', ')}`)
  return kind
}

/**
 * Runs a test once on each of the stores; on that of `MARKET_STORE` alone where it is set. A remote one is without
 * faults unless `MARKET_FAULTS=everyday`: calls take time, watches lag, objects are copies, versions opaque.
 * @returns titles and options of `startMarket`, for `describe.each`
 */
export function onStores(
  ...kinds: readonly MarketStoreKind[]
): (readonly [MarketStoreKind, { readonly store: MarketStoreKind; readonly faults: RemoteFaults }])[] {
  const faults = process.env['MARKET_FAULTS'] === 'everyday' ? EVERYDAY_FAULTS : FAR_AWAY
  return wantedOf(kinds).map((store) => [store, { store, faults }])
}

/** The same, for tests of what goes wrong: a remote store has everyday faults unless `MARKET_FAULTS=none`. */
export function onFaultyStores(
  ...kinds: readonly MarketStoreKind[]
): (readonly [MarketStoreKind, { readonly store: MarketStoreKind }])[] {
  return wantedOf(kinds).map((store) => [store, { store }])
}

function wantedOf(kinds: readonly MarketStoreKind[]): readonly MarketStoreKind[] {
  return process.env['MARKET_STORE'] === undefined ? kinds : [marketStoreKind()]
}

export async function openMarketStore(options: MarketStoreOptions): Promise<MarketStore> {
  const { kind, system, connection, log, directory } = options
  switch (kind) {
    case 'memory':
      return local(createMemoryStore({ system }))
    case 'sqlite':
      return local(await openSqliteStore({ path: join(directory, 'store.db'), system, log }))
    case 'remote': {
      const server = await startRemoteServer({ system: connection, kinds: ALL_KINDS })
      const everyday = process.env['MARKET_FAULTS'] === 'none' ? FAR_AWAY : EVERYDAY_FAULTS
      const faults = { ...everyday, ...options.faults }
      const opened = openRemoteStore({ server, system: connection, faults })
      return {
        store: server.store,
        remote: opened.store,
        begin() {
          const life = mortalStore(opened.store)
          // Who is dead does not try again.
          return { life, openedStore: { ...opened, store: retryThrottled(life, system.clock) } }
        },
        close: () => server.stop(),
      }
    }
  }
}

function local(opened: OpenedStore): MarketStore {
  return {
    store: opened.store,
    remote: undefined,
    begin() {
      const life = mortalStore(opened.store)
      return { life, openedStore: { ...opened, store: life } }
    },
    close: () => opened.store.close(),
  }
}
