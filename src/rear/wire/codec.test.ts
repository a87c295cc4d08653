import { describe, expect, it } from 'vitest'
import { configurationFromWire } from './configuration.ts'
import {
  BUYER_SIGNATURE,
  contractSignatures,
  contractTerms,
  decodeContract,
  encodeContract,
  flavorTerms,
  SELLER_SIGNATURE,
  withSignatures,
} from './contract.ts'
import {
  decodePurchaseRequest,
  decodeReserveRequest,
  decodeTransaction,
  encodeReserveRequest,
} from './dealing.ts'
import { decodeFlavor, decodeFlavors, encodeFlavor, type WireFlavor } from './flavor.ts'
import { MAX_JSON_DEPTH, parseJson } from './json.ts'
import { networkAuthorizationsFromWire, networkAuthorizationsToWire } from './network-intent.ts'
import { embeddedFlavorFromWire, flavorFromWire, flavorToWire } from './objects.ts'
import { WireError } from './wire-error.ts'

const owner = { ID: 'node-p', IP: '192.0.2.1:3004', domain: 'example' }

const slice = {
  flavorID: 'flavor-1',
  providerID: 'node-p',
  type: {
    name: 'k8slice',
    data: {
      charateristics: { architecture: 'amd64', cpu: '4', memory: '8Gi', pods: '110' },
      properties: {},
      policies: {
        partitionability: {
          cpuMin: '0',
          memoryMin: '0',
          podsMin: '0',
          cpuStep: '1',
          memoryStep: '1Gi',
          podsStep: '0',
        },
      },
    },
  },
  timestamp: '2026-01-01T00:00:00Z',
  price: { amount: '', currency: '', period: '' },
  owner,
  availability: true,
}

/** `change` on a deep copy. */
function changed(change: (flavor: any) => void): unknown {
  const copy = structuredClone(slice)
  change(copy)
  return copy
}

function errorOf(action: () => unknown): WireError {
  try {
    action()
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('reading flavors', () => {
  it('takes names in any case and the aliases of the documents, and gives upstream names', () => {
    const { type, owner: _owner, flavorID, ...rest } = slice
    const { charateristics, ...data } = type.data
    const flavor = decodeFlavor({
      ...rest,
      FLAVORID: flavorID,
      Owner: { NodeID: 'node-p', ip: '192.0.2.1:3004', DOMAIN: 'example' },
      type: { Name: 'K8Slice', data: { ...data, characteristics: charateristics } },
      location: { country: 'Italy', latitude: 45.1 },
    })
    expect(flavor).toEqual({ ...slice, location: { altitude: 'Italy', latitude: '45.1' } })
  })

  it('prefers the real name to an alias when both are there, and keeps the other as it is', () => {
    const flavor = decodeFlavor({ ...slice, location: { country: 'Ignored', altitude: 'Italy' } })
    expect(flavor.location).toEqual({ altitude: 'Italy', country: 'Ignored' })
  })

  it('takes numbers and null as quantities', () => {
    const flavor = decodeFlavor(
      changed((copy) => Object.assign(copy.type.data.charateristics, { cpu: 4, memory: 1.5, pods: null })),
    )
    expect(flavor.type).toMatchObject({ data: { charateristics: { cpu: '4', memory: '1.5', pods: '0' } } })
  })

  it('fills in what upstream would read as empty', () => {
    const flavor = decodeFlavor(
      changed((copy) => {
        delete copy.price
        delete copy.timestamp
        delete copy.type.data.policies
        copy.type.data.properties = null
        copy.location = null
      }),
    )
    expect(flavor.price).toEqual({ amount: '', currency: '', period: '' })
    expect(flavor.timestamp).toBe('0001-01-01T00:00:00Z')
    expect(flavor).not.toHaveProperty('location')
    expect(flavor.type).toMatchObject({
      data: { properties: {}, policies: { partitionability: { cpuStep: '0' } } },
    })
  })

  it('keeps unknown members, so that signatures of newer nodes stay valid', () => {
    const sent = changed((copy) => {
      copy.future = { a: [1] }
      copy.type.data.charateristics.npu = '3'
    })
    expect(JSON.parse(JSON.stringify(encodeFlavor(decodeFlavor(sent))))).toEqual(sent)
  })

  it('is not tricked by a member named __proto__', () => {
    const flavor = decodeFlavor(
      JSON.parse(JSON.stringify(slice).replace('{', '{"__proto__":{"polluted":true},')),
    )
    expect((flavor as unknown as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it.each([
    [
      'bad-quantity',
      '$.type.data.charateristics.cpu',
      (f: any): unknown => (f.type.data.charateristics.cpu = 'lots'),
    ],
    [
      'bad-quantity',
      '$.type.data.charateristics.cpu',
      (f: any): unknown => (f.type.data.charateristics.cpu = '-997'),
    ],
    [
      'wrong-type',
      '$.type.data.charateristics.cpu',
      (f: any): unknown => (f.type.data.charateristics.cpu = {}),
    ],
    [
      'missing-member',
      '$.type.data.charateristics.memory',
      (f: any): unknown => delete f.type.data.charateristics.memory,
    ],
    ['missing-member', '$.owner', (f: any): unknown => delete f.owner],
    ['missing-member', '$.flavorID', (f: any): unknown => (f.flavorID = null)],
    ['bad-value', '$.flavorID', (f: any): unknown => (f.flavorID = 'has space')],
    ['wrong-type', '$.availability', (f: any): unknown => (f.availability = 'yes')],
    ['bad-time', '$.timestamp', (f: any): unknown => (f.timestamp = 'yesterday')],
    ['unknown-type', '$.type.name', (f: any): unknown => (f.type.name = 'mainframe')],
    ['missing-member', '$.type.name', (f: any): unknown => (f.type = {})],
    ['wrong-type', '$.type', (f: any): unknown => (f.type = 'k8slice')],
    [
      'bad-network-selector',
      '$.type.data.properties.networkAuthorizations.deniedCommunications[0].source.resourceSelectors.selector',
      (f: any): unknown =>
        (f.type.data.properties.networkAuthorizations = {
          deniedCommunications: [
            {
              source: { resourceSelectors: { typeIdentifier: 'CIDRSelector', selector: 'everything' } },
              destination: { resourceSelectors: { typeIdentifier: 'CIDRSelector', selector: '10.0.0.0/8' } },
            },
          ],
        }),
    ],
  ] as const)('refuses with %s at %s', (code, path, change) => {
    const error = errorOf(() => decodeFlavor(changed(change)))
    expect({ code: error.code, path: error.path }).toEqual({ code, path })
  })

  it('one bad offer in a list does not hide the others, and is named', () => {
    const { flavors, rejected } = decodeFlavors([
      slice,
      { flavorID: 'bad' },
      null,
      { ...slice, flavorID: 'flavor-2' },
    ])
    expect(flavors.map(({ flavor }) => flavor.flavorID)).toEqual(['flavor-1', 'flavor-2'])
    expect(rejected.map(({ index, flavorID, error }) => [index, flavorID, error.code])).toEqual([
      [1, 'bad', 'missing-member'],
      [2, undefined, 'wrong-type'],
    ])
    expect(decodeFlavors(null).flavors).toEqual([])
    expect(errorOf(() => decodeFlavors({})).code).toBe('wrong-type')
  })

  it('reads vm and sensor flavors as open data', () => {
    for (const name of ['vm', 'sensor'] as const) {
      const flavor = decodeFlavor({ ...slice, type: { name, data: { any: 1 } } })
      expect(flavor.type).toEqual({ name, data: { any: 1 } })
      expect(flavorToWire(embeddedFlavorFromWire(flavor)).type).toEqual({ name, data: { any: 1 } })
    }
  })
})

describe('writing flavors', () => {
  it('puts members into the order of the protocol and leaves out what is empty', () => {
    const { owner: _owner, ...rest } = slice
    const shuffled = {
      signature: '',
      networkPropertyType: '',
      owner,
      ...rest,
      location: { city: 'Turin', latitude: '', altitude: 'Italy' },
    }
    expect(Object.keys(encodeFlavor(shuffled as unknown as WireFlavor))).toEqual([
      'flavorID',
      'providerID',
      'type',
      'timestamp',
      'location',
      'price',
      'owner',
      'availability',
    ])
    expect(JSON.stringify(encodeFlavor(shuffled as unknown as WireFlavor).location)).toBe(
      '{"altitude":"Italy","city":"Turin"}',
    )
  })

  it('writes canonical quantities and whole numbers, as upstream needs them', () => {
    const spec = flavorFromWire(decodeFlavor(slice))
    if (spec.flavorType.typeIdentifier !== 'K8Slice') throw new Error('not a k8slice')
    const { typeData } = spec.flavorType
    const wire = flavorToWire({
      metadata: { name: 'f', creationTimestamp: '2026-02-02T00:00:00Z' },
      spec: {
        ...spec,
        flavorType: {
          typeIdentifier: 'K8Slice',
          typeData: {
            ...typeData,
            characteristics: { architecture: 'amd64', cpu: '4000m', memory: '8192Mi', pods: '1000' },
            properties: { latency: 4.2, 'carbon-footprint': { embodied: 1.4, operational: [2.6] } },
          },
        },
      },
    })
    expect(wire.timestamp).toBe('2026-02-02T00:00:00Z')
    expect(wire.type).toMatchObject({
      data: {
        charateristics: { cpu: '4', memory: '8Gi', pods: '1k' },
        properties: { latency: 5, carbonFootprint: { embodied: 1, operational: [3] } },
      },
    })
  })
})

describe('network rules', () => {
  const intent = (selector: unknown, typeIdentifier = 'CIDRSelector') => ({
    name: 'n',
    source: { isHotCluster: false, resourceSelectors: { typeIdentifier, selector } },
    destination: {
      isHotCluster: true,
      resourceSelectors: { typeIdentifier: 'CIDRSelector', selector: '10.1.0.0/16' },
    },
    destinationPort: '80',
    protocolType: 'TCP',
  })
  const read = (selector: unknown, type?: string) =>
    networkAuthorizationsFromWire(
      { deniedCommunications: [intent(selector, type)], mandatoryCommunications: null },
      '$',
    ).deniedCommunications?.[0]?.source.resourceSelector

  it('the three forms of a selector are read as two meanings', () => {
    const labels = {
      typeIdentifier: 'PodNamespaceSelector',
      selector: { pod: { app: 'fe' }, namespace: { name: 'ns1' } },
    }
    expect(read('10.0.0.0/8')).toEqual({ typeIdentifier: 'CIDRSelector', selector: '10.0.0.0/8' })
    expect(read({ pod: { app: 'fe' }, namespace: { name: 'ns1' } })).toEqual(labels)
    expect(
      read(
        { pod: [{ key: 'app', value: 'fe' }], namespace: [{ key: 'name', value: 'ns1' }] },
        'PodNamespaceSelector',
      ),
    ).toEqual(labels)
  })

  it('what is written is read back as the same rules', () => {
    const rules = networkAuthorizationsFromWire(
      { deniedCommunications: [intent({ pod: { app: 'fe' } })], mandatoryCommunications: null },
      '$',
    )
    expect(networkAuthorizationsFromWire(networkAuthorizationsToWire(rules), '$')).toEqual(rules)
  })

  it.each([
    [5],
    [null],
    [['a']],
    [{ pod: 'app=fe' }],
    [{ pod: { app: 1 } }],
    [{ pod: [null] }],
    ['10.0.0.0'],
  ])('refuses the selector %j', (selector) => {
    expect(errorOf(() => read(selector)).code).toBe('bad-network-selector')
  })
})

describe('reserve and purchase', () => {
  const request = {
    flavorID: 'flavor-1',
    buyerID: { ID: 'node-b', IP: '192.0.2.2:3004', domain: 'b' },
    configuration: { type: 'k8slice', data: { cpu: '1000m', memory: 1024, pods: '10' } },
  }

  it('reads what third parties send, casing and names of the documents', () => {
    const { flavorID, buyerID, configuration } = request
    expect(
      decodeReserveRequest({
        FlavorID: flavorID,
        Buyer: { NodeID: buyerID.ID, IP: buyerID.IP, Domain: buyerID.domain },
        Configuration: { Type: 'K8Slice', Data: configuration.data },
      }),
    ).toEqual(request)
  })

  it('echoes the configuration exactly as it was sent, order, numbers and all', () => {
    const data = { pods: '10', cpu: '1000m', memory: 1024, extra: null }
    const decoded = decodeReserveRequest({ ...request, configuration: { type: 'k8slice', data } })
    expect(JSON.stringify(encodeReserveRequest(decoded).configuration)).toBe(
      JSON.stringify({ type: 'k8slice', data }),
    )
  })

  it('gives the configuration to objects as text', () => {
    const { configuration } = decodeReserveRequest(request)
    expect(configurationFromWire(configuration!)).toEqual({
      type: 'K8Slice',
      data: { cpu: '1000m', memory: '1024', pods: '10' },
    })
  })

  it('refuses amounts that are no quantities, or negative', () => {
    for (const cpu of ['-1', 'one', true]) {
      const data = { ...request.configuration.data, cpu }
      const error = errorOf(() =>
        decodeReserveRequest({ ...request, configuration: { type: 'k8slice', data } }),
      )
      expect(error.path).toBe('$.configuration.data.cpu')
    }
  })

  it('an empty purchase body is a purchase without credentials', () => {
    expect(decodePurchaseRequest(undefined)).toEqual({})
    expect(decodePurchaseRequest({})).toEqual({})
  })

  it('reads a transaction whose buyer has the name it has elsewhere, and whose times have milliseconds', () => {
    const transaction = decodeTransaction({
      transactionID: 't',
      flavorID: 'f',
      buyerID: request.buyerID,
      expirationTime: '2026-01-01T00:00:00.123+02:00',
    })
    expect(transaction.buyer).toEqual(request.buyerID)
    expect(transaction.clusterID).toBe('')
  })
})

describe('terms and signatures', () => {
  const contract = decodeContract({
    contractID: 'c',
    transactionID: 't',
    flavor: slice,
    buyerID: owner,
    seller: owner,
    peeringTargetCredentials: { clusterID: 'x', kubeconfig: 'secret' },
  })

  it('the terms are the same before and after signing, and hold no credentials', () => {
    const signed = withSignatures(contract, { seller: 'S', buyer: 'B' })
    expect(contractSignatures(signed)).toEqual({ seller: 'S', buyer: 'B' })
    expect(contractTerms(signed)).toEqual(contractTerms(contract))
    expect(contractTerms(signed)).not.toHaveProperty('peeringTargetCredentials')
    expect(contractTerms(signed)).not.toHaveProperty('extraInformation')
  })

  it('other extra information is part of the terms', () => {
    const signed = withSignatures(
      { ...contract, extraInformation: { 'tributary.io/sla': '99' } },
      { seller: 'S' },
    )
    expect(contractTerms(signed).extraInformation).toEqual({ 'tributary.io/sla': '99' })
  })

  it('extra information is written with sorted keys, as upstream does', () => {
    const signed = withSignatures(
      { ...contract, extraInformation: { z: '1', a: '2' } },
      { seller: 'S', buyer: 'B' },
    )
    expect(Object.keys(encodeContract(signed).extraInformation!)).toEqual([
      'a',
      BUYER_SIGNATURE,
      SELLER_SIGNATURE,
      'z',
    ])
  })

  it('the terms of a flavor are all but its signature', () => {
    expect(flavorTerms({ ...slice, signature: 'S' })).toEqual(slice)
  })
})

describe('JSON from outside', () => {
  it('may not be deeper than messages are, and brackets in strings do not count', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseJson(nested(MAX_JSON_DEPTH))).toBeDefined()
    expect(errorOf(() => parseJson(nested(MAX_JSON_DEPTH + 1))).code).toBe('too-deep')
    expect(errorOf(() => parseJson(nested(1_000_000))).code).toBe('too-deep')
    expect(parseJson(JSON.stringify('[{"\\'.repeat(1000)))).toBe('[{"\\'.repeat(1000))
  })

  it('must be UTF-8 and JSON', () => {
    expect(errorOf(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).code).toBe('malformed-json')
    expect(errorOf(() => parseJson('{')).code).toBe('malformed-json')
    expect(errorOf(() => parseJson('')).code).toBe('malformed-json')
  })
})
