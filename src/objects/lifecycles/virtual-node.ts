/** The life of a VirtualNode: bought resources as a node of the consumer's cluster. */
import type { VirtualNodePhase } from '../virtual-node.ts'
import { lifecycle } from './lifecycle.ts'

/** Until it is refused or deleted a virtual node says what is so now: a fabric, or a restart, may skip states. */
const OBSERVED = {
  requested: 'Requesting',
  denied: 'Denied',
  attaching: 'Attaching',
  ready: 'Ready',
  'not-ready': 'NotReady',
  deleted: 'Detaching',
} as const

export const VIRTUAL_NODE_LIFECYCLE = lifecycle({
  kind: 'VirtualNode',
  description: "Bought resources as a node of the consumer's own cluster.",
  field: 'status.phase',
  states: {
    Requesting: 'The provider is asked for what was bought.',
    Attaching: 'The provider agreed; the node is being made.',
    Ready: 'The node can be used.',
    NotReady: 'The node is there, and cannot be used or observed now.',
    Denied: 'The provider refused.',
    Detaching: 'What runs there is stopped and the node removed.',
  } satisfies Record<VirtualNodePhase, string>,
  terminal: [],
  events: {
    requested: { by: 'Virtual Fabric Manager', meaning: 'the provider is asked; again after a restart' },
    denied: { by: 'the provider or the fabric', meaning: 'what was bought is refused, for good' },
    attaching: { by: 'Virtual Fabric Manager', meaning: 'the fabric makes the node, or makes it again' },
    ready: { by: 'the fabric', meaning: 'the node is attached and can be used' },
    'not-ready': { by: 'the fabric', meaning: 'the node cannot be used, or not be observed' },
    deleted: { by: 'the consumer', meaning: 'the contract ended, or nobody needs the node any more' },
    detached: { by: 'the fabric', meaning: 'nothing of it is left' },
  },
  moves: {
    New: { ...OBSERVED },
    Requesting: { ...OBSERVED },
    Attaching: { ...OBSERVED },
    Ready: { ...OBSERVED },
    NotReady: { ...OBSERVED },
    Denied: { denied: 'Denied', deleted: 'Detaching' },
    Detaching: { deleted: 'Detaching', detached: 'Gone' },
  },
})
