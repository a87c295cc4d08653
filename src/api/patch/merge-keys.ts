/**
 * How strategic merge patch treats the lists of Kubernetes' own kinds: which member identifies an item.
 * From the `patchStrategy` and `patchMergeKey` tags of Kubernetes' API types.
 */

export type ListStrategy =
  | { readonly type: 'merge'; readonly key: string }
  /** A set of plain values. */
  | { readonly type: 'union' }
  | { readonly type: 'replace' }

const BY_FIELD: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
  schedulingGates: 'name',
  conditions: 'type',
  addresses: 'type',
  taints: 'key',
  ownerReferences: 'uid',
  podIPs: 'ip',
  secrets: 'name',
}

/**
 * @param path names of the members that lead to the list, outermost first
 * @returns how a patch of that list is to be merged
 */
export function listStrategy(path: readonly string[]): ListStrategy {
  const field = path.at(-1) ?? ''
  if (field === 'finalizers') return { type: 'union' }
  if (field === 'ports') {
    const inContainer = path.at(-2)?.toLowerCase().endsWith('containers') === true
    return { type: 'merge', key: inContainer ? 'containerPort' : 'port' }
  }
  const key = Object.hasOwn(BY_FIELD, field) ? BY_FIELD[field] : undefined
  return key === undefined ? { type: 'replace' } : { type: 'merge', key }
}
