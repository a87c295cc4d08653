/**
 * The memory store: objects that last as long as the process. For tests and simulations.
 */
import type { OpenedStore } from '../../kernel/opened-store.ts'
import type { System } from '../../kernel/system.ts'
import { ObjectTable } from '../object-table.ts'
import { openTableStore } from '../table-store.ts'

export interface MemoryStoreOptions {
  readonly system: System
  /** How many changes of each kind are remembered for watches. */
  readonly historyLimit?: number
  /** The largest object, in bytes of its JSON; 1.5 MiB unless given. */
  readonly objectBytes?: number
}

/** @returns an empty store; a write is done when its call returns. */
export function createMemoryStore(options: MemoryStoreOptions): OpenedStore {
  return openTableStore(new ObjectTable(options))
}
