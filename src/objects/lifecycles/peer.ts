/** The life of a Peer: what another node has proved, and whether it may deal with us. */
import type { PeerPhase } from '../peer.ts'
import { lifecycle } from './lifecycle.ts'

/** Whatever it proved before, what it proves now counts, and what the user says. */
const JUDGED = { unproved: 'Unknown', proved: 'Known', accepted: 'Accepted', rejected: 'Rejected' } as const

export const PEER_LIFECYCLE = lifecycle({
  kind: 'Peer',
  description: 'Another node that this one has heard of.',
  field: 'status.phase',
  states: {
    Unknown: 'It has proved nothing that counts here.',
    Known: 'It has proved who it is and to which domain it belongs; nobody has accepted it.',
    Accepted: 'It may deal with this node.',
    Rejected: 'It may not deal with this node, whatever it proves.',
    Unreachable: 'It did not answer when it was called last.',
  } satisfies Record<PeerPhase, string>,
  terminal: [],
  events: {
    unproved: {
      by: 'Privacy and Security Manager',
      meaning: 'it has no membership that counts, or no longer',
    },
    proved: { by: 'the peer', meaning: 'it has shown a membership that counts' },
    accepted: { by: 'the user or the acceptance policy', meaning: 'it may deal with this node' },
    rejected: { by: 'the user or its domain', meaning: 'it is refused, or its membership revoked' },
    unreached: { by: 'Discovery Manager', meaning: 'it did not answer several times in a row' },
  },
  moves: {
    New: { ...JUDGED, unreached: 'Unreachable' },
    Unknown: { ...JUDGED, unreached: 'Unreachable' },
    Known: { ...JUDGED, unreached: 'Unreachable' },
    Accepted: { ...JUDGED, unreached: 'Unreachable' },
    // It is not called any more.
    Rejected: { ...JUDGED },
    Unreachable: { ...JUDGED, unreached: 'Unreachable' },
  },
})
