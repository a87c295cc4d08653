/** The life of a Solver: one acquisition, from looking for an offer to the virtual node. */
import type { SolverPhase } from '../solver.ts'
import { lifecycle } from './lifecycle.ts'

export const SOLVER_LIFECYCLE = lifecycle({
  kind: 'Solver',
  description: 'One acquisition: look up, discover, reserve, buy, peer, as far as its spec says.',
  field: 'status.solverPhase.phase',
  states: {
    Running: 'On its way.',
    Solved: 'All that its spec asks for is there; it goes on when the spec asks for more.',
    Failed: 'What it held or had bought came to an end.',
  } satisfies Record<SolverPhase, string>,
  terminal: ['Failed'],
  events: {
    started: { by: 'REAR Manager', meaning: 'the acquisition begins' },
    'nothing-fits': {
      by: 'REAR Manager',
      meaning: 'nobody has what is wanted; everybody is asked again later',
    },
    'reserve-asked': { by: 'REAR Manager', meaning: 'the best offer is handed to the Contract Manager' },
    held: {
      by: 'Contract Manager',
      meaning: 'the seller holds it until somebody says that it is to be bought',
    },
    'stepped-back': {
      by: 'Node Orchestrator',
      meaning: 'others of its group found nothing; its hold is given back',
    },
    'offer-failed': {
      by: 'Contract Manager',
      meaning: 'the seller refused or failed; the next offer is tried',
    },
    'peering-asked': {
      by: 'REAR Manager',
      meaning: 'the Virtual Fabric Manager is to make the virtual node',
    },
    completed: { by: 'REAR Manager', meaning: 'all that the spec asks for is there' },
    'hold-ended': { by: 'the clock', meaning: 'the hold ended before it was bought' },
    'contract-ended': {
      by: 'Contract Manager',
      meaning: 'the contract expired, or was closed by either side',
    },
  },
  moves: {
    New: { started: 'Running' },
    Running: {
      'nothing-fits': 'Running',
      'reserve-asked': 'Running',
      held: 'Running',
      'stepped-back': 'Running',
      'offer-failed': 'Running',
      'peering-asked': 'Running',
      completed: 'Solved',
      'hold-ended': 'Failed',
      'contract-ended': 'Failed',
    },
    Solved: {
      // Its group is to go on: what it only looked for is now to be had.
      'nothing-fits': 'Running',
      'reserve-asked': 'Running',
      'contract-ended': 'Failed',
    },
    Failed: {},
  },
})
