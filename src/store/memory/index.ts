/**
 * The memory store: objects that last as long as the process. For tests and simulations.
 */
import type { ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { ObjectTable } from '../object-table.ts'
import { createTableStore } from '../table-store.ts'

export interface MemoryStoreOptions {
  readonly system: System
  /** How many changes of each kind are remembered for watches. */
  readonly historyLimit?: number
}

/** @returns an empty store; a write is done when its call returns. */
export function createMemoryStore(options: MemoryStoreOptions): ObjectStore {
  return createTableStore(new ObjectTable(options))
}
