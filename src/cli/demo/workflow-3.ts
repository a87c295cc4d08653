/**
 * Workflow 3: alpha and beta are in different domains and know their supernodes only. Those buy from each other,
 * back to back, and relay what passes between the two.
 */
import { between, buyer, seller } from './cast.ts'
import type { Scenario } from './scenario.ts'

const HERE = 'buyers.example'
const THERE = 'sellers.example'

export const workflow3: Scenario = {
  workflow: 3,
  title: 'two nodes in different domains, without a catalog',
  domains: [HERE, THERE],
  consumer: 'alpha',
  provider: 'beta',
  nodes: [
    between(
      { name: 'super-there', domain: THERE, trusts: [HERE], peers: [], knows: ['super-here', 'beta'] },
      {
        role: 'supernode',
        plays: "provider's supernode",
        has: 'sells what its nodes have, adds 5 %',
        margin: '5%',
      },
    ),
    between(
      {
        name: 'super-here',
        domain: HERE,
        trusts: [THERE],
        peers: ['super-there'],
        knows: ['super-there', 'alpha'],
      },
      { role: 'supernode', plays: "consumer's supernode", has: 'asks other domains, adds nothing' },
    ),
    seller({ name: 'beta', domain: THERE, peers: ['super-there'], knows: ['super-there'] }),
    buyer({ name: 'alpha', domain: HERE, peers: ['super-here'], knows: ['super-here'] }),
  ],
}
