/**
 * Who may do what: the one place that decides it, for requests as they come and for those who ask beforehand
 * (`kubectl auth can-i`). Pure.
 */
import { whyNotWritable, WRITING_VERBS, type WritingVerb } from '../../objects/writable.ts'
import { READING_VERBS, type Resource, type Resources, subresourceVerbs } from '../resources.ts'
import type { Caller } from './caller.ts'

/** What a viewer may read besides the object itself. */
const READABLE_SUBRESOURCES = ['status', 'scale', 'log']

/** As Kubernetes asks: `*` stands for everything. */
export interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
}

export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

const allow = (reason: string): Decision => ({ allowed: true, reason })
const deny = (reason: string): Decision => ({ allowed: false, reason })

/** @returns whether the caller may do it to objects of the kind, which is served */
export function decideOnResource(
  caller: Caller,
  { kind }: Pick<Resource, 'kind'>,
  { verb, subresource }: Pick<ResourceAttributes, 'verb' | 'subresource'>,
): Decision {
  const isReading = READING_VERBS.some((each) => each === verb)
  if (!isReading) {
    const asked = { verb: verb as WritingVerb, ...(subresource === undefined ? {} : { subresource }) }
    const why = whyNotWritable(kind, asked)
    if (why !== undefined) return deny(why)
  }
  if (caller.role === 'admin') return allow('an admin may')
  if (!isReading) return deny('a viewer only looks')
  if (kind.confidential) return deny(`a viewer does not see what a ${kind.kind} holds`)
  if (subresource !== undefined && !READABLE_SUBRESOURCES.includes(subresource))
    return deny(`a viewer may not use ${kind.plural}/${subresource}`)
  return allow('a viewer may look')
}

/** @returns the same for who asks beforehand, and may ask for what there is not */
export function decideOnAttributes(
  caller: Caller,
  resources: Resources,
  asked: ResourceAttributes,
): Decision {
  const { group, resource, subresource } = asked
  const meant = resources.all.filter(
    ({ kind }) => (group === '*' || kind.group === group) && (resource === '*' || kind.plural === resource),
  )
  if (meant.length === 0) return deny('there is no such resource here')
  for (const each of meant) {
    const decision = decideOnServed(caller, each, asked.verb, subresource === '' ? undefined : subresource)
    if (!decision.allowed) return decision
  }
  return allow(caller.role === 'admin' ? 'an admin may' : 'a viewer may look')
}

/** @param verb `*`: each that there is anywhere */
function decideOnServed(
  caller: Caller,
  resource: Resource,
  verb: string,
  subresource: string | undefined,
): Decision {
  const known = resource.subresources.find((each) => each === subresource)
  const { plural } = resource.kind
  if (subresource !== undefined && subresource !== '*' && known === undefined)
    return deny(`there is no ${plural}/${subresource} here`)
  const served: readonly string[] = known === undefined ? resource.verbs : subresourceVerbs(resource, known)
  const verbs: readonly string[] = verb !== '*' ? [verb] : known === undefined ? ALL_VERBS : served
  for (const each of verbs) {
    const at = known === undefined ? {} : { subresource: known }
    const decision = decideOnResource(caller, resource, { verb: each, ...at })
    if (!decision.allowed) return decision
    if (!served.includes(each)) return deny(`${each} is not done to ${plural} here`)
  }
  return allow('')
}

const ALL_VERBS: readonly string[] = [...READING_VERBS, ...WRITING_VERBS]

/** What of the rest of the API needs: nothing of it holds secrets but what says so. */
export type RouteAccess =
  /** Everybody whom we know. */
  | 'viewer'
  | 'admin'
  /** Only who came through the socket. */
  | 'owner'

export function decideOnRoute(caller: Caller, access: RouteAccess): Decision {
  switch (access) {
    case 'viewer':
      return allow('whoever is known may')
    case 'admin':
      return caller.role === 'admin' ? allow('an admin may') : deny('a viewer may not do that')
    case 'owner':
      return caller.local
        ? allow('who opens the socket may')
        : deny("that is done through the socket in the node's directory, on its machine")
  }
}
