/**
 * Workflow 1: two nodes of one domain. Alpha is too small for what it is asked for, beta has room to sell.
 */
import { buyer, seller } from './cast.ts'
import type { Scenario } from './scenario.ts'

const DOMAIN = 'example.org'

export const workflow1: Scenario = {
  workflow: 1,
  title: 'two nodes in the same domain',
  domains: [DOMAIN],
  consumer: 'alpha',
  provider: 'beta',
  nodes: [
    seller({ name: 'beta', domain: DOMAIN, peers: [], knows: ['alpha'] }),
    buyer({ name: 'alpha', domain: DOMAIN, peers: ['beta'], knows: ['beta'] }),
  ],
}
