/** The kinds that upstream has: its names, its required members, and room for what we do not know. */
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import { AllocationKind } from './allocation.ts'
import { ContractKind } from './contract.ts'
import { DiscoveryKind } from './discovery.ts'
import { FlavorKind } from './flavor.ts'
import { apiVersionOf, resourceOf, type KindDefinition } from './kind.ts'
import { KnownClusterKind } from './known-cluster.ts'
import { PeeringCandidateKind } from './peering-candidate.ts'
import { propertyMatches, RequirementsSchema } from './requirements.ts'
import { ReservationKind } from './reservation.ts'
import { SolverKind } from './solver.ts'
import { TransactionKind } from './transaction.ts'

const identity = { domain: 'fluidos.eu', nodeID: 'node-prov', ip: '10.99.0.1:3004' }

const flavor = {
  metadata: { name: 'fluidos.eu-k8slice-aaaa' },
  spec: {
    providerID: 'node-prov',
    flavorType: { typeIdentifier: 'K8Slice', typeData: { characteristics: {} } },
    owner: identity,
    price: { amount: '', currency: '', period: '' },
    availability: true,
  },
}

/** What upstream's nodes write, by kind; every member of each spec here is required. */
const samples: readonly (readonly [KindDefinition<any>, string, string, Record<string, unknown>])[] = [
  [FlavorKind, 'flavors.nodecore.fluidos.eu', 'fl', flavor.spec],
  [SolverKind, 'solvers.nodecore.fluidos.eu', 'sol', { intentID: 'intent-1' }],
  [AllocationKind, 'allocations.nodecore.fluidos.eu', 'alloc', {}],
  [DiscoveryKind, 'discoveries.advertisement.fluidos.eu', 'dis', { solverID: 's', subscribe: false }],
  [
    PeeringCandidateKind,
    'peeringcandidates.advertisement.fluidos.eu',
    '',
    // The flavor is missing where a catalog stores the message alone.
    { interestedSolverIDs: [], available: true },
  ],
  [
    ReservationKind,
    'reservations.reservation.fluidos.eu',
    'res',
    { solverID: 's', buyer: identity, seller: identity },
  ],
  [
    TransactionKind,
    'transactions.reservation.fluidos.eu',
    'tr',
    { flavorID: 'f', buyer: identity, clusterID: 'liqo-cons' },
  ],
  [
    ContractKind,
    'contracts.reservation.fluidos.eu',
    'contr',
    {
      flavor,
      transactionID: 't',
      buyer: identity,
      buyerClusterID: 'liqo-cons',
      seller: identity,
      peeringTargetCredentials: { liqoID: 'liqo-prov', kubeconfig: '' },
    },
  ],
  [KnownClusterKind, 'knownclusters.network.fluidos.eu', 'kclust,kclusts', { address: '10.99.0.1:3004' }],
]

describe.each(samples)('$kind', (kind, resource, shortNames, spec) => {
  const check = Compile(kind.schema)
  const object = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: 'x', namespace: 'fluidos' },
    spec,
  }

  it('has the names of upstream', () => {
    expect(resourceOf(kind)).toBe(resource)
    expect((kind.shortNames ?? []).join()).toBe(shortNames)
    expect(apiVersionOf(kind)).toMatch(/\/v1alpha1$/)
    expect(kind).toMatchObject({ namespaced: true, statusSubresource: true })
  })

  it('takes what upstream writes, unknown members included', () => {
    expect(check.Errors(object)).toEqual([])
    expect(check.Check({ ...object, spec: { ...spec, future: { a: 1 } } })).toBe(true)
  })

  it('misses each required member', () => {
    for (const name of Object.keys(spec)) {
      const { [name]: _left, ...rest } = spec
      expect(check.Check({ ...object, spec: rest }), name).toBe(false)
    }
    expect(check.Check({ ...object, apiVersion: 'v9' })).toBe(false)
    expect(check.Check({ ...object, spec: undefined })).toBe(false)
  })

  it('shows columns that its schema has', () => {
    for (const { path } of kind.columns) {
      if (path.startsWith('metadata.')) continue
      let schema: any = kind.schema
      for (const name of path.split('.')) {
        if (schema === undefined) break
        schema = schema.properties ? schema.properties[name] : schema
        expect(schema, path).toBeDefined()
      }
    }
  })
})

describe('a solver as upstream users write it', () => {
  const check = Compile(SolverKind.schema)
  const spec = {
    intentID: 'intent-1',
    findCandidate: true,
    selector: {
      flavorType: 'K8Slice',
      filters: {
        cpuFilter: { name: 'Range', data: { min: '1000m' } },
        futureFilter: { name: 'Match', data: {} },
      },
    },
  }

  it('is accepted', () => {
    expect(check.Errors({ metadata: { name: 's' }, spec })).toEqual([])
  })

  it('a typing error in our own requirements is not', () => {
    expect(
      check.Check({ metadata: { name: 's' }, spec: { ...spec, requirements: { architecture: 'amd64' } } }),
    ).toBe(true)
    expect(
      check.Check({ metadata: { name: 's' }, spec: { ...spec, requirements: { architektur: 'amd64' } } }),
    ).toBe(false)
    expect(check.Check({ metadata: { name: 's' }, spec: { ...spec, weights: { prize: 1 } } })).toBe(false)
  })
})

describe('requirements', () => {
  const check = Compile(RequirementsSchema)

  it.each([
    [
      true,
      {
        maxPrice: { amount: '0.10', currency: 'EUR', period: 'hour' },
        budget: { amount: '5', currency: 'EUR' },
      },
    ],
    [true, { flavorType: 'service', service: { category: 'database', tags: ['sql'] } }],
    [false, { maxPrice: { amount: 'cheap', currency: 'EUR', period: 'hour' } }],
    [false, { maxPrice: { amount: '-1', currency: 'EUR', period: 'hour' } }],
    [false, { maxLatencyMs: -1 }],
    [false, { flavorType: 'mainframe' }],
    [false, { location: { planet: 'Mars' } }],
  ])('%s: %j', (ok, requirements) => {
    expect(check.Check(requirements)).toBe(ok)
  })

  it.each([
    [true, true, true],
    [true, 'true', true],
    [true, false, false],
    [true, undefined, false],
    ['idle', 'Idle', true],
    [['humidity'], ['temperature', 'humidity'], true],
    [['humidity', 'gas'], ['humidity'], false],
    [['humidity'], 'humidity', true],
    [{ cyber_deception: true }, { cyber_deception: true, magi: false }, true],
    [{ magi: true }, { magi: false }, false],
    [{ magi: true }, null, false],
    [{ toString: 'x' }, {}, false],
    ['<= 200ms', '100ms', true],
    ['<= 200ms', 200, true],
    ['<= 200ms', '201ms', false],
    ['<= 200ms', '1s', false],
    ['<= 200ms', 'fast', false],
    ['a', { a: 1 }, false],
  ])('required %j, stated %j: %s', (required, stated, expected) => {
    expect(propertyMatches(required, stated)).toBe(expected)
  })
})
