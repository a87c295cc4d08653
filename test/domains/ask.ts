/** Calls of a node that is not of the market: with any key, from any address. */
import { silentLog } from '../../src/kernel/log.ts'
import { RearClient, type RearAnswer, type RearCall } from '../../src/rear/client.ts'
import type { ReceivedProblem } from '../../src/rear/problem.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { testIdentity } from '../support/identities.ts'
import type { Market } from '../support/market.ts'

let callers = 0

/** @returns how `name` asks nodes of the market; what it may, and what it is refused */
export function outsider(market: Market<string>, name: string) {
  const identity = testIdentity(name)
  const client = new RearClient({
    transport: market.network.transport(identity, `${name}.elsewhere:${++callers}`),
    system: market.simulation.named(name),
    log: silentLog,
  })
  return {
    id: identity.id,
    ask: (to: { readonly address: string }, call: RearCall): Promise<RearAnswer> =>
      client.call({ address: to.address }, call),
    /** @returns code of the refusal and its `reason`, or the status when there is none */
    outcome: async (to: { readonly address: string }, call: RearCall): Promise<string> => {
      try {
        return String((await client.call({ address: to.address }, call)).status)
      } catch (error) {
        if (!isProblem(error)) throw error
        const { reason } = error.extensions as ReceivedProblem['document']
        return typeof reason === 'string' ? `${error.code} ${reason}` : error.code
      }
    },
  }
}
