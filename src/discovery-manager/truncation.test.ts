import { describe, expect, it } from 'vitest'
import { silentLog } from '../kernel/log.ts'
import type { EmbeddedFlavor } from '../objects/flavor.ts'
import { FlavorTable } from '../flavor-index/index.ts'
import { createRearApp } from '../rear/route.ts'
import { bodyBytes } from '../rear/transport/index.ts'
import type { PeerHandshake } from './peer-handshake.ts'
import { discoveryRoutes } from './routes.ts'
import { truncationOf } from './truncation.ts'

const flavor = (name: string): EmbeddedFlavor => ({
  metadata: { name },
  spec: {
    providerID: 'p',
    owner: { domain: 'p.org', nodeID: 'p', ip: 'p:1' },
    price: { amount: '1', currency: 'EUR', period: 'hour' },
    availability: true,
    location: {},
    flavorType: {
      typeIdentifier: 'K8Slice',
      typeData: {
        characteristics: { architecture: 'amd64', cpu: '1', memory: '1Gi', pods: '10' },
        properties: {},
        policies: {},
      },
    },
  },
})

/** LIST_FLAVORS of a node that has so many flavors and tells three at most. */
async function list(path: string, flavors: number) {
  const table = new FlavorTable({ mostFlavors: 3 })
  for (let index = 0; index < flavors; index++) {
    table.set(`f${index}`, flavor(`f${index}`), JSON.stringify({ flavorID: `f${index}` }))
  }
  const serve = createRearApp(
    discoveryRoutes({
      answers: { answer: async (selector) => table.select(selector, 'public') },
      handshake: {} as PeerHandshake,
    }),
    { authorize: () => undefined, log: silentLog },
  )
  const signal = new AbortController().signal
  const { headers, body } = await serve({
    method: 'GET',
    path,
    headers: {},
    body: undefined,
    peer: undefined,
    signal,
  })
  return {
    told: (JSON.parse(bodyBytes(body).toString()) as unknown[]).length,
    truncation: truncationOf(headers),
  }
}

const FILTERED = '/api/v2/flavors/k8slice?filter[cpu][range][min]=1'

describe('LIST_FLAVORS that finds more than it tells', () => {
  it('says so, and of how many where they were counted', async () => {
    expect(await list(FILTERED, 4)).toEqual({ told: 3, truncation: { matched: 4 } })
    expect(await list('/api/v2/flavors', 4)).toEqual({ told: 3, truncation: { matched: undefined } })
  })

  it('says nothing when it tells all', async () => {
    expect(await list(FILTERED, 3)).toEqual({ told: 3, truncation: undefined })
    expect(await list('/api/v2/flavors', 3)).toEqual({ told: 3, truncation: undefined })
  })

  it('is not trusted to count right', () => {
    const headers = (matched: string) => ({ 'tributary-truncated': 'true', 'tributary-matched': matched })
    for (const matched of ['', 'many', '-1', '1.5', '1e400'])
      expect(truncationOf(headers(matched))).toEqual({ matched: undefined })
  })
})
