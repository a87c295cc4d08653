/** The life of an entry in a pool's ledger: a part that is held, then sold. */
import type { LedgerEntry } from '../pool-shard.ts'
import { lifecycle } from './lifecycle.ts'

export const HOLD_LIFECYCLE = lifecycle({
  kind: 'Hold',
  description: 'A part of a pool in its ledger: who holds it or has it.',
  field: 'state of the entry',
  states: {
    held: 'Nobody else gets it until the hold ends.',
    allocated: 'Sold: it belongs to a contract until that ends.',
  } satisfies Record<LedgerEntry['state'], string>,
  terminal: [],
  events: {
    reserved: { by: 'Contract Manager (RESERVE)', meaning: 'enough was free' },
    purchased: { by: 'Contract Manager (PURCHASE)', meaning: 'the buyer took it; again changes nothing' },
    cancelled: { by: 'the buyer', meaning: 'it gives the hold back before it bought' },
    expired: { by: 'the clock', meaning: 'the hold ended before it was bought' },
    released: {
      by: 'Contract Manager',
      meaning: 'nothing needs it any more: its contract ended, or never came to be',
    },
  },
  moves: {
    New: { reserved: 'held' },
    held: { purchased: 'allocated', cancelled: 'Gone', expired: 'Gone', released: 'Gone' },
    allocated: { purchased: 'allocated', released: 'Gone' },
  },
})
