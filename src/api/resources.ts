/**
 * The collections that the API serves: one per kind, with what can be done to it.
 */
import { apiVersionOf, type KindDefinition } from '../objects/kind.ts'
import { EVENT_FIELDS } from '../objects/core/event.ts'
import { whyNotWritable, WRITING_VERBS, type WritingVerb } from '../objects/writable.ts'
import Type from 'typebox'

export const READING_VERBS = ['get', 'list', 'watch'] as const
export type Verb = (typeof READING_VERBS)[number] | WritingVerb
export type Subresource = 'status' | 'scale' | 'log'

export interface Resource {
  readonly kind: KindDefinition
  readonly apiVersion: string
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  /** Whether clients know its Go type, and so send strategic merge patches. */
  readonly builtIn: boolean
  /** Groups that `kubectl get all` and the like stand for. */
  readonly categories: readonly string[]
}

/** Every collection, with look-ups by group and version. */
export interface Resources {
  readonly all: readonly Resource[]
  /** `group/version` (or the version alone, for the core group) → its collections. */
  readonly byApiVersion: ReadonlyMap<string, readonly Resource[]>
  find(apiVersion: string, plural: string): Resource | undefined
}

const SCALABLE = new Set(['Deployment', 'StatefulSet', 'ReplicaSet'])
const IN_ALL = new Set(['Pod', 'Service', 'Deployment', 'StatefulSet', 'ReplicaSet', 'DaemonSet', 'Job'])

/**
 * @param kinds what the store holds
 * @param options.podLogs whether logs of pods can be had
 */
export function createResources(
  kinds: readonly KindDefinition[],
  options: { readonly podLogs: boolean },
): Resources {
  const all = kinds.map((kind) => resourceOfKind(kind, options.podLogs))
  for (const events of EVENTS) {
    const taken = all.some(({ kind }) => kind.group === events.group && kind.plural === events.plural)
    if (!taken) all.push({ ...resourceOfKind(events, false), verbs: READING_VERBS })
  }
  const byApiVersion = Map.groupBy(all, ({ apiVersion }) => apiVersion)
  return {
    all,
    byApiVersion,
    find: (apiVersion, plural) => byApiVersion.get(apiVersion)?.find(({ kind }) => kind.plural === plural),
  }
}

function resourceOfKind(kind: KindDefinition, podLogs: boolean): Resource {
  const builtIn = kind.group === '' || !kind.group.includes('.') || kind.group.endsWith('.k8s.io')
  const subresources: Subresource[] = []
  if (kind.statusSubresource) subresources.push('status')
  if (builtIn && SCALABLE.has(kind.kind)) subresources.push('scale')
  if (podLogs && kind.group === '' && kind.kind === 'Pod') subresources.push('log')
  return {
    kind,
    apiVersion: apiVersionOf(kind),
    verbs: verbsOf(kind),
    subresources,
    builtIn,
    categories: builtIn && IN_ALL.has(kind.kind) ? ['all'] : [],
  }
}

/** What can be done to its objects by anybody, in the order that Kubernetes has. */
function verbsOf(kind: KindDefinition): readonly Verb[] {
  const writing = WRITING_VERBS.filter((verb) => whyNotWritable(kind, { verb }) === undefined)
  return [...READING_VERBS, ...writing].toSorted()
}

/** @returns what can be done to a subresource by anybody */
export function subresourceVerbs(
  { kind }: Pick<Resource, 'kind'>,
  subresource: Subresource,
): readonly Verb[] {
  if (subresource === 'log') return ['get']
  const writing = (['patch', 'update'] as const).filter(
    (verb) => whyNotWritable(kind, { verb, subresource }) === undefined,
  )
  return ['get', ...writing]
}

/** `kubectl describe` asks for events of whatever it describes. */
const EVENTS: readonly KindDefinition[] = (
  [
    ['', 'v1'],
    ['events.k8s.io', 'v1'],
  ] as const
).map(([group, version]) => ({
  group,
  version,
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: Type.Object({}),
  statusSubresource: false,
  columns: [],
  selectableFields: EVENT_FIELDS,
  description: 'Something that happened to an object.',
}))
