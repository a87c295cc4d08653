/**
 * `GET /api/v2/contracts/{contractID}/ping`: whether the other side of a contract is there and still knows it.
 */
import Type from 'typebox'
import { rfc3339, type System } from '../kernel/system.ts'
import { Problem } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'

export interface PingRouteOptions {
  readonly system: System
  /** @returns whether the node is the other party; undefined when there is no such contract in force */
  readonly isParty: (contractID: string, nodeID: string) => boolean | undefined
}

export function createPingRoute({ system, isParty }: PingRouteOptions): Route {
  return {
    method: 'GET',
    path: '/api/v2/contracts/{contractID}/ping',
    operationId: 'pingContract',
    summary: 'Asks whether the other side of a contract is there and still knows it',
    access: 'party',
    responses: {
      200: {
        description: 'It is there, and the contract is in force.',
        schema: Type.Object({
          contractID: Type.String(),
          time: Type.String({ description: 'RFC 3339, on the clock of the node that answers.' }),
        }),
      },
    },
    handle: ({ params, peer }) => {
      const contractID = params['contractID'] ?? ''
      const party = peer && isParty(contractID, peer.id)
      if (party === undefined)
        throw new Problem('contract-not-found', `contract ${contractID} is not in force here`)
      if (!party) throw new Problem('not-a-party', 'caller is not a party to the contract')
      return Promise.resolve({ status: 200, body: { contractID, time: rfc3339(system.clock.now()) } })
    },
  }
}
