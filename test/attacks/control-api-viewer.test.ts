/** Attacks on the control API by a viewer who wants to read secrets: a Secret, or what a buyer gets to use what it bought. */
import { describe } from 'vitest'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { SecretKind } from '../../src/objects/core/secret.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import type { KindDefinition } from '../../src/objects/kind.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { serveSecurely } from '../support/secure-api.ts'
import { attack, type Tried } from './support/attack.ts'
import { SHOWN_TO_ALL, wasTold } from './support/control.ts'

const PASSWORD = 'correct-horse-battery'
const ENCODED = Buffer.from(PASSWORD).toString('base64')
const namespace = 'default'
const SECRETS = '/api/v1/namespaces/default/secrets'
const POOLS = '/apis/tributary.io/v1alpha1/namespaces/default/pools'
const CONTRACTS = '/apis/reservation.fluidos.eu/v1alpha1/namespaces/default/contracts'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const METADATA = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

async function fill(store: ObjectStore): Promise<void> {
  await store.create(SecretKind, {
    metadata: {
      name: 's',
      namespace,
      annotations: { [LAST_APPLIED]: JSON.stringify({ data: { password: ENCODED } }) },
    },
    data: { password: ENCODED },
  })
  const access = { user: 'u', password: PASSWORD }
  const price = { amount: '1', currency: 'EUR', period: 'hour' }
  const spec = { flavorType: 'service' as const, capacity: {}, partition: {}, data: {}, price, access }
  await store.create(PoolKind, {
    metadata: { name: 'p', namespace, annotations: { [LAST_APPLIED]: JSON.stringify({ spec }) } },
    spec,
  })
  const extraInformation = { 'tributary.io/access': JSON.stringify(access) }
  const credentials = { clusterID: 'c', kubeconfig: PASSWORD }
  await store.create(ContractKind, {
    metadata: { name: 'c', namespace },
    spec: { access, extraInformation, peeringTargetCredentials: credentials },
  } as never)
  const document = { extraInformation, peeringTargetCredentials: credentials }
  await store.create(ContractKind, { metadata: { name: 'd', namespace }, spec: { document } } as never)
  // As upstream's buyers keep what they received.
  const text = JSON.stringify(document)
  await store.create(ContractKind, { metadata: { name: 'e', namespace }, spec: { document: text } } as never)
}

interface Asked {
  readonly path: string
  readonly headers?: Record<string, string>
}

/** A viewer sends all of it, and is told the password once, or never. */
async function ask(kinds: readonly KindDefinition[], asked: readonly Asked[]): Promise<Tried> {
  const { call, tokenFor, local } = await serveSecurely({ kinds })
  await fill(local.store)
  const { token } = await tokenFor('viewer')
  const answers = []
  for (const { path, headers = {} } of asked) answers.push(await call('GET', path, undefined, headers, token))
  const encoded = wasTold(ENCODED, answers)
  return encoded.succeeded ? encoded : wasTold(PASSWORD, answers)
}

const looks = (title: string, asked: readonly Asked[], stoppedBy = /^403.*a viewer does not see/s): void =>
  attack(`a viewer ${title}`, {
    defended: () => ask(ALL_KINDS, asked),
    stoppedBy,
    control: () => ask(SHOWN_TO_ALL, asked),
  })

describe('a Secret', () => {
  looks('gets it by name', [{ path: `${SECRETS}/s` }])
  looks('lists those of a namespace', [{ path: SECRETS }])
  looks('lists those of all namespaces', [{ path: '/api/v1/secrets' }])
  looks('watches them', [{ path: `${SECRETS}?watch=true&timeoutSeconds=1` }])
  looks('watches one by name', [{ path: `${SECRETS}/s?watch=true&timeoutSeconds=1` }])
  looks('picks one out with a field selector', [{ path: `/api/v1/secrets?fieldSelector=metadata.name%3Ds` }])
  looks('has whole objects in a table', [
    { path: `${SECRETS}?includeObject=Object`, headers: { accept: TABLE } },
  ])
  looks('asks for nothing but metadata, where kubectl keeps what was applied', [
    { path: `${SECRETS}/s`, headers: { accept: METADATA } },
  ])
  looks('asks as YAML, with HEAD’s cousin and a slash at the end', [
    { path: `${SECRETS}/s/`, headers: { accept: 'application/yaml' } },
  ])
})

describe('the access data of what is sold or bought', () => {
  const hidden = /^200.*hidden from viewers/s
  looks('gets the Pool', [{ path: `${POOLS}/p` }], hidden)
  looks('lists Pools', [{ path: POOLS }], hidden)
  looks('watches Pools', [{ path: `${POOLS}?watch=true&timeoutSeconds=1` }], /^200.*"ADDED"/s)
  looks('asks for the metadata of a Pool', [{ path: `${POOLS}/p`, headers: { accept: METADATA } }], hidden)
  looks(
    'has whole Pools in a table',
    [{ path: `${POOLS}?includeObject=Object`, headers: { accept: TABLE } }],
    /^200/,
  )
  looks('gets a Contract', [{ path: `${CONTRACTS}/c` }], /^200/)
  looks('gets the document of a Contract', [{ path: `${CONTRACTS}/d` }, { path: `${CONTRACTS}/e` }], /^200/)
  looks('gets a Contract through its status', [{ path: `${CONTRACTS}/c/status` }], /^200/)
  looks('lists Contracts as YAML', [{ path: CONTRACTS, headers: { accept: 'application/yaml' } }], /^200/)
})
