/**
 * Discovery documents: which groups, versions and resources there are, in the legacy and the aggregated form. Pure.
 */
import type { JsonObject } from '../kernel/json.ts'
import { type Resource, type Resources, type Subresource, subresourceVerbs } from './resources.ts'

/** `/api` */
export function apiVersions(): JsonObject {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
}

/** `/apis` */
export function apiGroupList(resources: Resources): JsonObject {
  const groups = [...groupsOf(resources)].filter(([group]) => group !== '')
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(([group, versions]) => describeGroup(group, versions)),
  }
}

/** `/apis/{group}`; undefined when there is no such group */
export function apiGroup(resources: Resources, group: string): JsonObject | undefined {
  const versions = groupsOf(resources).get(group)
  return versions === undefined || group === ''
    ? undefined
    : { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group, versions) }
}

function describeGroup(group: string, versions: readonly string[]): JsonObject {
  const named = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions: named, preferredVersion: named[0] }
}

/** `/api/v1` and `/apis/{group}/{version}`; undefined when there is no such version */
export function apiResourceList(resources: Resources, apiVersion: string): JsonObject | undefined {
  const served = resources.byApiVersion.get(apiVersion)
  if (served === undefined) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersion,
    resources: served.flatMap((resource) => [describeResource(resource), ...subresourcesOf(resource)]),
  }
}

function describeResource({ kind, verbs, categories }: Resource): JsonObject {
  return {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs,
    ...(kind.shortNames && kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
  }
}

/** What each subresource is made of, and what can be done to it. */
function subresource(
  resource: Resource,
  name: Subresource,
): { group?: string; version?: string; kind: string; verbs: readonly string[] } {
  const verbs = subresourceVerbs(resource, name)
  return name === 'scale'
    ? { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs }
    : { kind: resource.kind.kind, verbs }
}

function subresourcesOf(resource: Resource): readonly JsonObject[] {
  return resource.subresources.map((name) => ({
    name: `${resource.kind.plural}/${name}`,
    singularName: '',
    namespaced: resource.kind.namespaced,
    ...subresource(resource, name),
  }))
}

/** `/api` or `/apis` in one document, as `kubectl` asks for it. */
export function aggregatedDiscovery(resources: Resources, root: 'api' | 'apis'): JsonObject {
  const groups = [...groupsOf(resources)].filter(([group]) => (group === '') === (root === 'api'))
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(([group, versions]) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versions.map((version) => ({
        version,
        resources: (resources.byApiVersion.get(group === '' ? version : `${group}/${version}`) ?? []).map(
          aggregatedResource,
        ),
        freshness: 'Current',
      })),
    })),
  }
}

function aggregatedResource(resource: Resource): JsonObject {
  const { kind, verbs, categories } = resource
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs,
    ...(kind.shortNames && kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    subresources: resource.subresources.map((name) => {
      const {
        group = kind.group,
        version = kind.version,
        kind: responseKind,
        verbs: allowed,
      } = subresource(resource, name)
      return { subresource: name, responseKind: { group, version, kind: responseKind }, verbs: allowed }
    }),
  }
}

/** Group → its versions, best first. */
function groupsOf(resources: Resources): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const { kind } of resources.all) {
    const versions = groups.get(kind.group) ?? []
    if (!versions.includes(kind.version)) versions.push(kind.version)
    groups.set(kind.group, versions)
  }
  for (const versions of groups.values()) versions.sort(byVersionPriority)
  return groups
}

const STAGES = ['alpha', 'beta', '']

/** Kubernetes' order: v2, v1, v1beta2, v1beta1, v1alpha1. */
function byVersionPriority(a: string, b: string): number {
  const parts = (version: string): readonly number[] => {
    const [, major = '0', stage = '', minor = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? []
    return [STAGES.indexOf(stage), Number(major), Number(minor)]
  }
  const [left, right] = [parts(a), parts(b)]
  const index = left.findIndex((value, at) => value !== right[at])
  return index < 0 ? 0 : right[index]! - left[index]!
}
