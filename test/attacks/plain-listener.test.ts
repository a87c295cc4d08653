/** Attacks on the listener without TLS, where nobody proves who he is: over real HTTP, against a whole node. */
import { request as httpRequest } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/index.ts'
import { CONTRACT_SIGNATURE } from '../../src/contract-manager/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { createDeals } from '../../src/node/parts/deals.ts'
import { PARTS, type Parts } from '../../src/node/parts/index.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'

import { createPlainListener, type TransportLimits } from '../../src/rear/transport/index.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../src/rear/wire/index.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import { clientOf, CONSUMER, passing, provider } from '../support/scenario.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

interface Answer {
  readonly status: number
  readonly body: string
}

/** One request over a connection of its own. @param from an address of this machine */
function send(
  address: string,
  method: string,
  path: string,
  body?: string | Buffer,
  from = '127.0.0.1',
): Promise<Answer> {
  const [host, port] = address.split(':') as [string, string]
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host,
        port,
        method,
        path,
        localAddress: from,
        agent: false,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode!, body: text }))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

const addressIn = (text: string): string => /127\.0\.0\.1:[0-9]+/.exec(text)![0]

type Names = 'seller' | 'buyer'
type Send = (method: string, path: string, body?: object, from?: string) => Promise<Answer>

/** A seller with a plain listener, and a peer that it has accepted. */
async function withSeller(
  then: (market: Market<Names>, send: Send) => Promise<Tried>,
  {
    seller,
    overrides,
  }: { readonly seller?: Partial<MarketConfig>; readonly overrides?: Partial<Parts> } = {},
): Promise<Tried> {
  const market = await startMarket(
    96,
    {
      seller: { ...provider('1000', '1'), ...seller, rear: { plainListen: '127.0.0.1:0' } },
      buyer: { ...CONSUMER, peers: ['seller'] },
    },
    overrides ? { overrides } : {},
  )
  try {
    await market.simulation.advance(1_000)
    const address = addressIn(
      market.nodes.seller.node
        .status()
        .warnings.map(({ text }) => text)
        .join(' '),
    )
    return await then(market, (method, path, body, from) =>
      passing(market, send(address, method, path, body && JSON.stringify(body), from)),
    )
  } finally {
    await market.stop()
  }
}

/** @returns the hold; a Tried when it was refused */
async function reserve(
  market: Market<Names>,
  post: Send,
  { buyerID, key = 'k', from }: { readonly buyerID: string; readonly key?: string; readonly from?: string },
): Promise<WireTransaction | Tried> {
  const [flavor] = (await market.nodes.seller.store.list(FlavorKind)).items
  const { status, body } = await post(
    'POST',
    '/api/v2/reservations',
    {
      flavorID: flavor!.metadata.name,
      buyerID: { ID: buyerID, IP: '192.0.2.7:80', domain: 'elsewhere' },
      configuration: { type: 'k8slice', data: { cpu: '1', memory: '64Mi', pods: '1' } },
      key,
    },
    from,
  )
  return status === 200 ? (JSON.parse(body) as WireTransaction) : failed(body)
}

describe('somebody on the plain listener', () => {
  attack('has the node keep a body that is larger than any message', {
    defended: () => keep({}),
    stoppedBy: /^413, and 0 bytes handed on$/,
    control: () => keep({ maxRequestBytes: 1 << 30 }),
  })

  attack('lists what is for the node’s own domain alone', {
    defended: () => withSeller(list, { seller: INTERNAL }),
    stoppedBy: /^204 $/,
    control: () =>
      withSeller(list, {
        seller: INTERNAL,
        overrides: {
          // What a caller may see is not asked.
          trust: (before) => {
            const made = PARTS.trust(before)
            return { ...made, handles: { ...made.handles, audienceFor: () => 'internal' } }
          },
        },
      }),
  })

  const FEW: Config['contracts'] = { holds: { perBuyer: 3, perDomain: 10, perMinute: 1_000, share: 1 } }
  const MANY: Config['contracts'] = { holds: { perBuyer: 1_000, perDomain: 10, perMinute: 1_000, share: 1 } }
  attack('holds from one address, under ever new names, all that anybody there may hold', {
    defended: () => withSeller(holdAll, { seller: { contracts: FEW } }),
    stoppedBy: /^3 held; another address still gets what it asks for$/,
    control: () => withSeller(holdAll, { seller: { contracts: MANY } }),
  })

  attack('buys in the name of a did:key that it does not have', {
    defended: () => withSeller(buyAs(undefined)),
    stoppedBy: /signature-invalid/,
    control: () =>
      withSeller(buyAs(undefined), {
        overrides: { deals: (before) => createDeals(before, { seller: { signerOf: (caller) => caller } }) },
      }),
  })

  it('does not get the contract that somebody bought over TLS, though it knows the id of its transaction', async () => {
    const tried = await withSeller(async (market, post) => {
      const client = clientOf(market, 'buyer')
      const overTls: Send = async (method, path, body) => {
        const call = { method: method as 'POST', path, body }
        const { status, body: answer } = await passing(
          market,
          client.call({ address: market.nodes.seller.address }, call),
        )
        return { status, body: JSON.stringify(answer) }
      }
      const bought = await buyAs('buyer')(market, overTls)
      if (!bought.succeeded) throw new Error(bought.saw)
      const { transactionID } = JSON.parse(bought.saw) as { transactionID: string }
      const { status, body } = await post('POST', `/api/v2/transactions/${transactionID}/purchase`, {})
      return status === 200 ? succeeded(body) : failed(body)
    })
    expect(tried).toMatchObject({ succeeded: false, saw: expect.stringContaining('not-a-party') as string })
  })

  attack('buys there, and then has code of its own run here', {
    defended: () => withSeller(runBought),
    stoppedBy: /^contract-not-found$/,
    control: () =>
      withSeller(runBought, {
        overrides: { deals: (before) => createDeals(before, { mayUse: () => true }) },
      }),
  })
})

async function keep(limits: Partial<TransportLimits>): Promise<Tried> {
  let kept = 0
  const listener = await createPlainListener({
    ...{ host: '127.0.0.1', port: 0, system: realSystem, log: silentLog, limits },
    handler: ({ body }) => {
      kept += body?.length ?? 0
      return Promise.resolve({ status: 204, headers: {}, body: undefined })
    },
  })
  try {
    const { status } = await send(listener.address, 'POST', '/api/v2/reservations', Buffer.alloc(3 << 19))
    const saw = `${status}, and ${kept} bytes handed on`
    return kept > 0 ? succeeded(saw) : failed(saw)
  } finally {
    await listener.close()
  }
}

const INTERNAL: Partial<MarketConfig> = { sell: { ...provider('4', '1').sell!, visibility: 'internal' } }

async function list(_: unknown, post: Send): Promise<Tried> {
  const { status, body } = await post('GET', '/api/v2/flavors')
  return body.includes('flavorID') ? succeeded(body) : failed(`${status} ${body}`)
}

async function holdAll(market: Market<Names>, post: Send): Promise<Tried> {
  let held = 0
  for (let index = 0; index < 10; index++) {
    if (!('succeeded' in (await reserve(market, post, { buyerID: `go-${index}`, key: `k${index}` })))) held++
  }
  const other = await reserve(market, post, { buyerID: 'honest', from: '127.0.0.2' })
  return 'succeeded' in other
    ? succeeded(`${held} held, and another address gets: ${other.saw}`)
    : failed(`${held} held; another address still gets what it asks for`)
}

/** @param signer whose key signs; nobody's when undefined */
function buyAs(signer: string | undefined) {
  return async (market: Market<Names>, post: Send): Promise<Tried> => {
    const held = await reserve(market, post, { buyerID: market.nodes.buyer.id })
    if ('succeeded' in held) return held
    const terms = contractTerms(held.contract as WireContractTerms)
    const signature =
      signer === undefined
        ? {}
        : { signature: signDocument(terms, { ...CONTRACT_SIGNATURE, key: testIdentity(signer).key }) }
    const { status, body } = await post(
      'POST',
      `/api/v2/transactions/${held.transactionID}/purchase`,
      signature,
    )
    return status === 200 ? succeeded(body) : failed(body)
  }
}

/** The accepted peer buys with its own key, and asks over TLS for what it bought. */
async function runBought(market: Market<Names>, post: Send): Promise<Tried> {
  const bought = await buyAs('buyer')(market, post)
  if (!bought.succeeded) return bought
  const { contractID } = JSON.parse(bought.saw) as { contractID: string }
  try {
    const { body } = await passing(
      market,
      clientOf(market, 'buyer').call(
        { address: market.nodes.seller.address },
        {
          method: 'PUT',
          path: `/api/v2/contracts/${contractID}/resources`,
          body: { virtualNode: 'v', resources: { cpu: '1', memory: '64Mi', pods: '1' } },
        },
      ),
    )
    return (body as { status: string }).status === 'Accepted'
      ? succeeded(JSON.stringify(body))
      : failed(JSON.stringify(body))
  } catch (error) {
    if (isProblem(error)) return failed(error.code)
    throw error
  }
}
