/**
 * A store as it is opened: with what must run beside it, and its limits. The composition root starts the components
 * with those of the node, and needs to know no store for it.
 */
import type { KindDefinition } from '../objects/kind.ts'
import type { Component } from './component.ts'
import type { Informers } from './informer.ts'
import type { Log } from './log.ts'
import type { ObjectStore } from './object-store.ts'
import type { System } from './system.ts'

export interface StoreLimits {
  /** An object whose JSON is longer than so many bytes is refused with `TooLarge`. */
  readonly objectBytes: number
}

/** What a store's components are made of. */
export interface StoreParts {
  /** The store as its user has it, perhaps with something around it. */
  readonly store: ObjectStore
  readonly informers: Informers
  /** Every kind that is stored. */
  readonly kinds: readonly KindDefinition[]
  readonly log: Log
  readonly system: System
}

export interface OpenedStore {
  readonly store: ObjectStore
  readonly limits: StoreLimits
  /** Whether no other process can have it open: whoever has it need not ask who else acts for the same node. */
  readonly exclusive: boolean
  /** @returns what has to run for the store to keep its promises; none for a server that does it all itself */
  components(parts: StoreParts): readonly Component[]
}
