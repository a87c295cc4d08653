/** Takes a pod that a buyer wants to run, checks it against the contract, and stores it as ours to run. */
import { Compile } from 'typebox/compile'
import { isStoreError, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { causeText } from '../../kernel/validation/field-cause.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { type PodSpec, PodSpecSchema } from '../../objects/core/pod-spec.ts'
import { type RunnersInForce, unsupportedByRunner } from '../../objects/core/unsupported-by-runner.ts'
import { unsupportedFields } from '../../objects/core/unsupported-fields.ts'
import { isObjectName } from '../../objects/meta.ts'
import { QuantityError } from '../../quantity/index.ts'
import { Problem } from '../../rear/problem.ts'
import type { SoldSlice } from '../fabric.ts'
import { type Fitting, fitIntoContract } from './contract-limits.ts'
import { ensureContractNamespace } from './contract-namespace.ts'
import {
  CONTRACT_AMOUNTS_ANNOTATION,
  CONTRACT_ANNOTATION,
  CONTRACT_LABEL,
  contractLabel,
  contractNamespace,
  ORIGIN_ANNOTATION,
  type PodIdentity,
  RUNNING_FINALIZER,
  shadowName,
} from './names.ts'
import { configReferences } from './config-references.ts'
import { keepParcel, MOST_PARCEL_BYTES, parcelBytes } from './pod-config.ts'
import type { RemoteConfig, RemotePod } from './pods-protocol.ts'
import { stateOf } from './remote-pod-state.ts'

export interface AdmissionRequest {
  /** As the buyer calls the pod. */
  readonly namespace: string
  readonly name: string
  /** Its shape has been checked, its spec has not. */
  readonly pod: RemotePod
}

const RESERVED_PREFIX = 'tributary.io/'
/** Enough for any honest pod. */
const MOST_ENTRIES = 200

const podSpec = Compile(PodSpecSchema)

/**
 * Not to be called twice at a time for one contract: each admission counts on those before it.
 * @param nodeName ours, where the pod will run
 * @param runners what runs pods of buyers here
 * @returns the stored pod, and whether it is new
 * @throws Problem when it may not run
 */
export async function admitPod(
  store: ObjectStore,
  nodeName: string,
  slice: SoldSlice,
  { namespace, name, pod }: AdmissionRequest,
  runners?: RunnersInForce,
): Promise<{ readonly pod: Pod; readonly created: boolean }> {
  const { uid, nodeName: virtualNode, labels = {}, annotations = {}, spec, config = [] } = pod
  if (!isObjectName(name) || !isObjectName(namespace)) {
    throw new Problem('bad-request', `${namespace}/${name} cannot be the name of a pod`)
  }
  checkSpec(spec, runners)
  checkStrings('labels', labels)
  checkStrings('annotations', annotations)
  checkConfig(config, spec)
  const ours = contractNamespace(slice.contractID)
  const key = { namespace: ours, name: shadowName(namespace, name) }
  const existing = await store.get(PodKind, key)
  if (existing !== undefined) {
    if (stateOf(existing).uid === uid && existing.metadata.deletionTimestamp === undefined) {
      await keepParcel(store, existing, config)
      return { pod: existing, created: false }
    }
    // Another pod of that name has to end first; the caller comes again when the list says that it has.
    await remove(store, PodKind, key)
    throw new Problem('conflict', `an earlier pod ${namespace}/${name} is still ending`)
  }
  const others = (await store.list(PodKind, { namespace: ours })).items.map((other) => other.spec)
  const fitting = fit(spec, slice, others)
  if (!fitting.fits) throw tooBig(fitting)
  await ensureContractNamespace(store, slice)
  const origin: PodIdentity = { namespace, name, uid, nodeName: virtualNode }
  const { nodeSelector: _, affinity: __, tolerations: ___, ...wanted } = fitting.spec
  try {
    const created = await store.create(PodKind, {
      metadata: {
        ...key,
        labels: { ...withoutOurs(labels), [CONTRACT_LABEL]: contractLabel(slice.contractID) },
        annotations: {
          ...withoutOurs(annotations),
          [CONTRACT_ANNOTATION]: slice.contractID,
          [CONTRACT_AMOUNTS_ANNOTATION]: JSON.stringify(slice.amounts),
          [ORIGIN_ANNOTATION]: JSON.stringify(origin),
        },
        finalizers: [RUNNING_FINALIZER],
      },
      spec: { ...wanted, nodeName },
    })
    // Should we end in between, the buyer comes again; until then the kubelet waits for it.
    await keepParcel(store, created, config)
    return { pod: created, created: true }
  } catch (error) {
    if (isStoreError(error, 'AlreadyExists')) throw new Problem('conflict', 'try again', { cause: error })
    throw error
  }
}

function checkSpec(spec: unknown, runners: RunnersInForce | undefined): asserts spec is PodSpec {
  if (podSpec.Check(spec)) {
    const ofRunner = runners === undefined ? [] : unsupportedByRunner(spec, runners, 'spec')
    const [complaint] = [...unsupportedFields(spec, 'spec'), ...ofRunner]
    if (complaint === undefined) return
    throw new Problem(
      'malformed-body',
      `the pod's spec asks for what is not done here: ${causeText(complaint)}`,
    )
  }
  const [first] = podSpec.Errors(spec)
  const where =
    first === undefined ? '' : `${first.instancePath.replaceAll('/', '.').slice(1)}: ${first.message}`
  throw new Problem('malformed-body', `the pod's spec is not valid: ${where}`)
}

/** A parcel holds what the pod refers to, and no more than one object may. */
function checkConfig(config: readonly RemoteConfig[], spec: PodSpec): void {
  if (config.length === 0) return
  const wanted = new Set(configReferences(spec).map(({ kind, name }) => `${kind} ${name}`))
  const stray = config.find(({ kind, name }) => !wanted.has(`${kind} ${name}`))
  if (stray !== undefined)
    throw new Problem('malformed-body', `config: the pod does not refer to ${stray.kind} ${stray.name}`)
  if (parcelBytes(config) > MOST_PARCEL_BYTES) {
    const detail = `config: at most ${MOST_PARCEL_BYTES} bytes of ConfigMaps and Secrets go with a pod`
    throw new Problem('malformed-body', detail)
  }
}

function fit(spec: PodSpec, slice: SoldSlice, others: readonly PodSpec[]): Fitting {
  try {
    return fitIntoContract(spec, slice.amounts, others)
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error
    throw new Problem('malformed-body', `the pod's resources: ${error.message}`, { cause: error })
  }
}

function tooBig({ shortages }: Extract<Fitting, { fits: false }>): Problem {
  const numbers = shortages.map(
    ({ resource, wanted, available, contract }) =>
      `${resource}: ${wanted} wanted, ${available} left of ${contract}`,
  )
  const detail = `the pod does not fit into the contract (${numbers.join('; ')})`
  return new Problem('exceeds-contract', detail, { extensions: { shortages } })
}

function checkStrings(what: string, map: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(map)
  if (entries.length > MOST_ENTRIES || entries.some(([, value]) => typeof value !== 'string')) {
    throw new Problem('malformed-body', `${what}: at most ${MOST_ENTRIES}, and all of them strings`)
  }
}

/** What a guest says must not be mistaken for what we say. */
function withoutOurs(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !key.startsWith(RESERVED_PREFIX)))
}
