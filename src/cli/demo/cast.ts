/** The parts that several scenarios have: who sells, who buys, who stands in between. */
import type { Config } from '../../config/index.ts'
import type { ScenarioNode, Started } from './scenario.ts'

type NodeConfig = Omit<Config, 'name' | 'role' | 'domain'>

const LOCAL: NodeConfig = {
  rear: { listen: '127.0.0.1:0' },
  control: { listen: '127.0.0.1:0' },
  // What a demo runs has to be there already: it never has a container engine pull an image.
  guests: { runner: 'sandbox' },
}

/** @returns the peers of these names, where they listen */
export function peersOf(started: Started, names: readonly string[]): NonNullable<Config['peers']> {
  return names.map((name) => ({ address: started.get(name)!.rearAddress }))
}

interface Part {
  readonly name: string
  readonly domain: string
  /** Whom it is configured to know; they are started before it. */
  readonly peers: readonly string[]
  /** Whom it must know before the play begins. */
  readonly knows: readonly string[]
  readonly trusts?: readonly string[]
}

/** A node with room to sell. */
export function seller({ name, domain, peers, knows }: Part): ScenarioNode {
  return {
    name,
    domain,
    knows,
    role: 'node',
    plays: 'provider',
    has: 'sells cpu 4, memory 4Gi at 0.05 EUR/hour',
    config: (started) => ({
      ...LOCAL,
      peers: peersOf(started, peers),
      sell: {
        capacity: { cpu: '4', memory: '4Gi', pods: '20' },
        partition: {
          minimum: { cpu: '100m', memory: '64Mi', pods: '1' },
          step: { cpu: '100m', memory: '64Mi', pods: '1' },
        },
        price: { amount: '0.05', currency: 'EUR', period: 'hour' },
        location: { country: 'IT', city: 'Turin' },
      },
      // All nodes here are the same user's: on a machine with nothing better they run each other's programs as they are.
      allowWorkloads: 'unisolated',
    }),
  }
}

/** A node that is too small for what it is asked for. */
export function buyer({ name, domain, peers, knows }: Part): ScenarioNode {
  return {
    name,
    domain,
    knows,
    role: 'node',
    plays: 'consumer',
    has: 'has cpu 500m, memory 256Mi of its own',
    config: (started) => ({
      ...LOCAL,
      peers: peersOf(started, peers),
      cluster: { capacity: { cpu: '500m', memory: '256Mi', pods: '10' } },
    }),
  }
}

/** A supernode or catalog: it has nothing of its own, and brings others together. */
export function between(
  { name, domain, peers, knows, trusts = [] }: Part,
  { role, plays, has, margin }: Pick<ScenarioNode, 'role' | 'plays' | 'has'> & { readonly margin?: string },
): ScenarioNode {
  return {
    name,
    domain,
    knows,
    role,
    plays,
    has,
    config: (started, authorities) => ({
      ...LOCAL,
      peers: peersOf(started, peers),
      trustedAuthorities: Object.fromEntries(trusts.map((each) => [each, [authorities.get(each)!]])),
      // Its nodes are to be found through it, as the workflow has it.
      ...(role === 'supernode'
        ? { supernode: { introduce: false, ...(margin === undefined ? {} : { margin }) } }
        : {}),
      cluster: { capacity: { cpu: '100m', memory: '64Mi', pods: '1' } },
    }),
  }
}
