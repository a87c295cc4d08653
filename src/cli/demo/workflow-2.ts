/**
 * Workflow 2: alpha knows its supernode and nobody else; the supernode asks beta for it.
 */
import { between, buyer, seller } from './cast.ts'
import type { Scenario } from './scenario.ts'

const DOMAIN = 'example.org'

export const workflow2: Scenario = {
  workflow: 2,
  title: 'a node and the supernode in the same domain',
  domains: [DOMAIN],
  consumer: 'alpha',
  provider: 'beta',
  nodes: [
    between(
      { name: 'super', domain: DOMAIN, peers: [], knows: ['alpha', 'beta'] },
      { role: 'supernode', plays: 'supernode', has: 'asks the nodes of its domain' },
    ),
    seller({ name: 'beta', domain: DOMAIN, peers: ['super'], knows: ['super'] }),
    buyer({ name: 'alpha', domain: DOMAIN, peers: ['super'], knows: ['super'] }),
  ],
}
