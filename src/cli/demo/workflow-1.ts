/**
 * Workflow 1: two nodes of one domain. Alpha is too small for what it is asked for, beta has room to sell.
 */
import type { Scenario } from './scenario.ts'

const DOMAIN = 'example.org'

export const workflow1: Scenario = {
  workflow: 1,
  title: 'two nodes in the same domain',
  domains: [DOMAIN],
  consumer: 'alpha',
  provider: 'beta',
  nodes: [
    {
      name: 'beta',
      role: 'node',
      domain: DOMAIN,
      plays: 'provider',
      has: 'sells cpu 4, memory 4Gi at 0.05 EUR/hour',
      knows: ['alpha'],
      config: () => ({
        rear: { listen: '127.0.0.1:0' },
        control: { listen: '127.0.0.1:0' },
        sell: {
          capacity: { cpu: '4', memory: '4Gi', pods: '20' },
          partition: {
            minimum: { cpu: '100m', memory: '64Mi', pods: '1' },
            step: { cpu: '100m', memory: '64Mi', pods: '1' },
          },
          price: { amount: '0.05', currency: 'EUR', period: 'hour' },
          location: { country: 'IT', city: 'Turin' },
        },
        allowWorkloads: true,
      }),
    },
    {
      name: 'alpha',
      role: 'node',
      domain: DOMAIN,
      plays: 'consumer',
      has: 'has cpu 500m, memory 256Mi of its own',
      knows: ['beta'],
      config: (started) => ({
        rear: { listen: '127.0.0.1:0' },
        control: { listen: '127.0.0.1:0' },
        peers: [{ address: started.get('beta')!.rearAddress }],
        cluster: { capacity: { cpu: '500m', memory: '256Mi', pods: '10' } },
      }),
    },
  ],
}
