/** Every JSON body that upstream's nodes exchanged is read, and written again byte for byte. */
import { describe, expect, it } from 'vitest'
import {
  contractFromWire,
  contractToWire,
  decodeContract,
  decodeFlavors,
  decodePurchaseRequest,
  decodeReserveRequest,
  decodeTransaction,
  embeddedFlavorFromWire,
  encodeContract,
  encodeFlavor,
  encodePurchaseRequest,
  encodeReserveRequest,
  encodeSelectorQuery,
  encodeTransaction,
  flavorToWire,
  flavorTypeOfSegment,
  parseJson,
  parseSelectorQuery,
  reservationFromWire,
  reservationToWire,
  transactionFromWire,
  transactionToWire,
} from '../../src/rear/wire/index.ts'
import { captures } from './captures.ts'

function reencode(path: string, direction: 'request' | 'response', body: string): string {
  const json = parseJson(body)
  if (path.includes('/flavors')) {
    const { flavors, rejected } = decodeFlavors(json)
    expect(rejected).toEqual([])
    return JSON.stringify(flavors.map(({ flavor }) => encodeFlavor(flavor)))
  }
  if (path.endsWith('/reservations')) {
    return JSON.stringify(
      direction === 'request'
        ? encodeReserveRequest(decodeReserveRequest(json))
        : encodeTransaction(decodeTransaction(json)),
    )
  }
  return JSON.stringify(
    direction === 'request'
      ? encodePurchaseRequest(decodePurchaseRequest(json))
      : encodeContract(decodeContract(json)),
  )
}

const all = captures()
const bodies = all.flatMap(({ name, request, response }) =>
  (['request', 'response'] as const)
    .map((direction) => ({
      name,
      direction,
      path: request.path,
      body: (direction === 'request' ? request : response).body,
    }))
    .filter(({ body }) => body.startsWith('{') || body.startsWith('[')),
)

describe('bodies of upstream nodes', () => {
  it('are there: requests, transactions, contracts, lists', () => {
    expect(all).toHaveLength(9)
    expect(bodies).toHaveLength(12)
  })

  it.each(bodies)(
    '$name $direction is written as it was read, byte for byte',
    ({ path, direction, body }) => {
      expect(reencode(path, direction, body)).toBe(body)
    },
  )

  it('a request has the length that its header says, so the captures are whole', () => {
    for (const { request } of all) {
      const length = request.headers['content-length']
      if (length !== undefined) expect(Buffer.byteLength(request.body)).toBe(Number(length))
    }
  })
})

/** What our objects deliberately do not keep. */
const withoutKubeconfig = (text: string): string => text.replaceAll(/,"kubeconfig":"[A-Za-z0-9+/=]*"/g, '')

describe('messages of upstream nodes, as objects of the store and back', () => {
  const find = (name: string): (typeof all)[number] => all.find((one) => one.name === name)!

  it('flavors are the same bytes, but for pod selectors, which get the one form that upstream can read', () => {
    const { body } = find('list-all').response
    const { flavors } = decodeFlavors(parseJson(body))
    const written = JSON.stringify(
      flavors.map(({ flavor }) => encodeFlavor(flavorToWire(embeddedFlavorFromWire(flavor)))),
    )
    expect(written).toBe(
      body.replace(
        '{"typeIdentifier":"CIDRSelector","selector":{"pod":{"app":"fe"},"namespace":{"name":"ns1"}}}',
        '{"typeIdentifier":"PodNamespaceSelector","selector":{"pod":[{"key":"app","value":"fe"}],"namespace":[{"key":"name","value":"ns1"}]}}',
      ),
    )
  })

  it('a transaction is the same, without the kubeconfig that it echoed', () => {
    for (const name of ['k8slice-2-reserve', 'service-2-reserve']) {
      const { body } = find(name).response
      const wire = decodeTransaction(parseJson(body))
      const again = transactionToWire({
        metadata: { name: wire.transactionID },
        spec: transactionFromWire(wire),
      })
      expect(JSON.stringify(encodeTransaction(again))).toBe(withoutKubeconfig(body))
      expect(body).toContain('kubeconfig')
      expect(withoutKubeconfig(body)).not.toContain('kubeconfig')
    }
  })

  it('a reservation is the same, without the kubeconfig', () => {
    const { body } = find('k8slice-2-reserve').request
    const wire = decodeReserveRequest(parseJson(body))
    const seller = { nodeID: 'node-prov', ip: '10.99.0.1:3104', domain: 'fluidos.eu' }
    const spec = reservationFromWire(wire, { seller, solverID: 'solver-1' })
    const again = reservationToWire({ ...spec, flavorID: wire.flavorID })
    expect(JSON.stringify(encodeReserveRequest(again))).toBe(withoutKubeconfig(body))
  })

  it('a contract is the same bytes', () => {
    const { body } = find('service-3-purchase').response
    const wire = decodeContract(parseJson(body))
    const again = contractToWire({ metadata: { name: wire.contractID }, spec: contractFromWire(wire) })
    expect(JSON.stringify(encodeContract(again))).toBe(body)
  })
})

describe('queries of upstream nodes', () => {
  it('are understood, the one that upstream itself refuses included, and written the same way', () => {
    for (const { name, request } of all.filter((one) => one.request.method === 'GET')) {
      const [path = '', query = ''] = request.path.split('?')
      const type = flavorTypeOfSegment(path.split('/').at(-1)!)
      const selector = parseSelectorQuery(type, query)
      const expected = name === 'k8slice-storage-bug' ? `filter${query}` : query
      expect(encodeSelectorQuery(selector)).toBe(expected)
    }
  })
})
