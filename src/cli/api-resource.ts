/**
 * The kinds that a node serves, as it describes them itself, and which of them a word means.
 */
import { closest } from '../kernel/closest.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { ControlClient } from './control-client.ts'

export interface ApiResource {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'

interface Discovered {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions: readonly {
      readonly version: string
      readonly resources: readonly {
        readonly resource: string
        readonly responseKind: { readonly kind: string }
        readonly scope: string
        readonly singularResource: string
        readonly verbs: readonly string[]
        readonly shortNames?: readonly string[]
        readonly categories?: readonly string[]
      }[]
    }[]
  }[]
}

/** @returns all kinds, in the order in which the server prefers them */
export async function discover(client: ControlClient): Promise<readonly ApiResource[]> {
  const [core, groups] = await Promise.all(
    ['/api', '/apis'].map((path) => client.get<Discovered>(path, { accept: AGGREGATED })),
  )
  return [...(core?.items ?? []), ...(groups?.items ?? [])].flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources }) =>
      resources.map((resource) => ({
        group: metadata?.name ?? '',
        version,
        kind: resource.responseKind.kind,
        plural: resource.resource,
        singular: resource.singularResource,
        shortNames: resource.shortNames ?? [],
        categories: resource.categories ?? [],
        namespaced: resource.scope === 'Namespaced',
        verbs: resource.verbs,
      })),
    ),
  )
}

/** @returns `group/version`, as in manifests */
export function apiVersionOf({ group, version }: Pick<ApiResource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

/** @returns for example `intent.tributary.io/hello`, as kubectl names objects */
export function objectName(
  { group, singular }: Pick<ApiResource, 'group' | 'singular'>,
  name: string,
): string {
  return `${group === '' ? singular : `${singular}.${group}`}/${name}`
}

/** @returns the path of one object, or of a collection (over all namespaces without one) */
export function pathOf(resource: ApiResource, namespace: string | undefined, name?: string): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}

/**
 * @param word plural, singular, short name or kind in any case, perhaps with `.group` or `.version.group`
 * @throws CliError `usage`, with the nearest right word
 */
export function resolveResource(resources: readonly ApiResource[], word: string): ApiResource {
  const wanted = word.toLowerCase()
  const names = ({ plural, singular, kind, shortNames }: ApiResource): readonly string[] => [
    plural,
    singular,
    kind.toLowerCase(),
    ...shortNames,
  ]
  const found = resources.find((resource) => {
    const { group, version } = resource
    return names(resource).some(
      (name) =>
        name === wanted ||
        (group !== '' && `${name}.${group}` === wanted) ||
        `${name}.${version}.${group}` === wanted,
    )
  })
  if (found) return found
  const hint = closest(wanted, new Set(resources.flatMap(names)))
  throw new CliError(
    `there is no kind "${word}"${hint === undefined ? '' : `; did you mean "${hint}"?`}\n` +
      'See all of them with: tributary api-resources',
    EXIT.usage,
  )
}

/** @returns the kinds of a comma-separated list; `all` is what runs */
export function resolveResources(resources: readonly ApiResource[], words: string): readonly ApiResource[] {
  const list = words.split(',').flatMap((word) => {
    if (word !== 'all') return word === '' ? [] : [resolveResource(resources, word)]
    return ['intents', 'deployments', 'pods', 'services', 'virtualnodes'].flatMap((plural) =>
      resources.filter((resource) => resource.plural === plural),
    )
  })
  return [...new Set(list)]
}
