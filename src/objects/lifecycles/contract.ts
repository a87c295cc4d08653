/** The life of a Contract: in force until one side or the clock ends it. */
import type { ContractPhase } from '../contract.ts'
import { lifecycle } from './lifecycle.ts'

export const CONTRACT_LIFECYCLE = lifecycle({
  kind: 'Contract',
  description: 'What two nodes agreed on and signed, on either side of it.',
  field: 'status.phase.phase',
  states: {
    Active: 'In force: the buyer may use what it bought.',
    Closing: 'At its end: what runs is stopped, the peering taken down, the capacity given back.',
    Closed: 'Ended early by one side, and nothing of it is left.',
    Expired: 'Ended at its time, and nothing of it is left.',
  } satisfies Record<ContractPhase, string>,
  terminal: ['Closed', 'Expired'],
  events: {
    signed: { by: 'Contract Manager', meaning: 'both sides have signed' },
    closed: { by: 'this node', meaning: 'the user, or a component of this node, ends it before its time' },
    'closed-by-peer': { by: 'the other side', meaning: 'its signed closing statement was received' },
    'end-reached': { by: 'the clock', meaning: 'its expiration time has come' },
    'released-early': { by: 'Contract Manager', meaning: 'all is taken down after a closing statement' },
    'released-at-end': { by: 'Contract Manager', meaning: 'all is taken down after the expiration time' },
  },
  moves: {
    New: { signed: 'Active', closed: 'Closing', 'closed-by-peer': 'Closing', 'end-reached': 'Closing' },
    Active: { closed: 'Closing', 'closed-by-peer': 'Closing', 'end-reached': 'Closing' },
    Closing: { 'released-early': 'Closed', 'released-at-end': 'Expired' },
    Closed: {},
    Expired: {},
  },
})
