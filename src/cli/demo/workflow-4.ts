/**
 * Workflow 4: as workflow 3, but the two supernodes do not know each other. Both know a catalog; beta's offer is
 * there before anybody asks for it.
 */
import { between, buyer, seller } from './cast.ts'
import type { Scenario } from './scenario.ts'

const HERE = 'buyers.example'
const THERE = 'sellers.example'
const MARKET = 'market.example'

export const workflow4: Scenario = {
  workflow: 4,
  title: 'two nodes in different domains, with a catalog',
  domains: [HERE, THERE, MARKET],
  consumer: 'alpha',
  provider: 'beta',
  listed: { at: 'catalog', count: 1 },
  nodes: [
    between(
      {
        name: 'catalog',
        domain: MARKET,
        trusts: [HERE, THERE],
        peers: [],
        knows: ['super-there', 'super-here'],
      },
      { role: 'catalog', plays: 'catalog', has: 'collects signed offers of many domains' },
    ),
    between(
      {
        name: 'super-there',
        domain: THERE,
        trusts: [HERE, MARKET],
        peers: ['catalog'],
        knows: ['catalog', 'beta'],
      },
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
        trusts: [THERE, MARKET],
        peers: ['catalog'],
        knows: ['catalog', 'alpha'],
      },
      { role: 'supernode', plays: "consumer's supernode", has: 'asks the catalog, adds nothing' },
    ),
    seller({ name: 'beta', domain: THERE, peers: ['super-there'], knows: ['super-there'] }),
    buyer({ name: 'alpha', domain: HERE, peers: ['super-here'], knows: ['super-here'] }),
  ],
}
