/** Derives the advertised flavor from a pool: its id, its size, its price. Pure. */
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { FlavorSpec, FlavorType, K8Slice, Partitionability, ServiceFlavor } from '../objects/flavor.ts'
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import type { Pool, PoolSpec } from '../objects/pool.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { parsePrice, partialPrice, type Price } from '../quantity/price.ts'
import { unitPricesOf, type UnitPrices } from '../quantity/unit-prices.ts'
import { poolTag } from './first-shard.ts'
import { isSellable } from './ledger.ts'

/** What a pool has on offer: its status, everything while it has none. */
export function onOffer(pool: Pool): { readonly revision: number; readonly free: Amounts } {
  return pool.status ?? { revision: 0, free: pool.spec.capacity }
}

/**
 * The id of the flavor that a pool advertises now. Every change of what is free makes a new one, so that
 * what a buyer saw is never silently something else; an older id still leads to the pool.
 */
export function flavorIdOf(pool: Pool, domain: string): string {
  return `${domain}-${pool.spec.flavorType}-${poolTag(pool)}-${onOffer(pool).revision.toString(36)}`.toLowerCase()
}

/** @returns the pool tag in a flavor id, of the current or an earlier flavor of the pool */
export function poolTagOf(flavorID: string): string | undefined {
  return /-([0-9a-f]{8})-[0-9a-z]+$/.exec(flavorID)?.[1]
}

/** @returns what a part of the pool costs; what is sold by the unit has the price of one */
export function priceOf(spec: PoolSpec, amounts: Amounts): Price {
  const units = unitsOf(spec)
  if (units === undefined) return spec.price
  return partialPrice({ ...spec.price, units }, amounts, spec.capacity)
}

/** @returns what one of each resource costs, however much is left; undefined where nothing is asked, or sold by the unit */
function unitsOf({ flavorType: type, price, capacity }: PoolSpec): UnitPrices | undefined {
  if (type !== 'k8slice' || price.amount === '') return undefined
  return price.units ?? unitPricesOf(parsePrice(price).billionths, capacity)
}

/** A flavor that follows from a pool; not signed. */
export interface MadeFlavor {
  readonly id: string
  readonly spec: FlavorSpec
}

/** @returns the flavor that the pool advertises, undefined when too little is free to sell */
export function flavorOf(pool: Pool, owner: NodeIdentity): MadeFlavor | undefined {
  const { free } = onOffer(pool)
  if (!isSellable(pool.spec, free)) return undefined
  const units = unitsOf(pool.spec)
  return {
    id: flavorIdOf(pool, owner.domain),
    spec: {
      providerID: owner.nodeID,
      flavorType: flavorType(pool, free),
      owner,
      price: { ...priceOf(pool.spec, free), ...(units ? { units } : {}) },
      availability: true,
      ...(pool.spec.location ? { location: pool.spec.location } : {}),
      poolName: pool.metadata.name,
      ...(pool.spec.visibility ? { visibility: pool.spec.visibility } : {}),
    },
  }
}

/**
 * @returns a digest of all that is said of the pool: of what is free, and in the flavor but for its id. Another
 *   one makes another revision, hence another flavor, so that an id never means two things
 */
export function offerDigest(pool: Pool, owner: NodeIdentity): string {
  const made = flavorOf(pool, owner)
  const said = made === undefined ? '' : (canonicalize(made.spec) ?? '')
  const hash = createHash('sha256').update(canonicalize(onOffer(pool).free) ?? '')
  return hash.update(said).digest('base64url').slice(0, 22)
}

function flavorType(pool: Pool, free: Amounts): FlavorType {
  const { data, flavorType: type } = pool.spec
  switch (type) {
    case 'k8slice':
      return { typeIdentifier: 'K8Slice', typeData: k8slice(pool, free) }
    case 'service':
      return { typeIdentifier: 'Service', typeData: service(pool) }
    case 'vm':
      return { typeIdentifier: 'VM', typeData: data }
    case 'sensor':
      return { typeIdentifier: 'Sensor', typeData: data }
  }
}

/** A service as its provider describes it, with what every description has. */
function service({ metadata, spec: { data } }: Pool): ServiceFlavor {
  const text = (name: string, otherwise = ''): string =>
    typeof data[name] === 'string' ? data[name] : otherwise
  const { tags } = data
  return {
    ...data,
    name: text('name', metadata.name),
    description: text('description'),
    category: text('category'),
    tags: Array.isArray(tags) ? tags.map(String) : [],
  }
}

function k8slice(pool: Pool, free: Amounts): K8Slice {
  const { data, partition } = pool.spec
  const part = (bound: Amounts | undefined, resource: string): string => bound?.[resource] ?? '0'
  const gpu = data['gpu'] as Record<string, string> | undefined
  const partitionability: Record<string, string> = {
    cpuMin: part(partition.minimum, 'cpu'),
    memoryMin: part(partition.minimum, 'memory'),
    podsMin: part(partition.minimum, 'pods'),
    cpuStep: part(partition.step, 'cpu'),
    memoryStep: part(partition.step, 'memory'),
    podsStep: part(partition.step, 'pods'),
  }
  for (const resource of ['cpu', 'memory', 'pods']) {
    const most = partition.maximum?.[resource]
    if (most !== undefined) partitionability[`${resource}Max`] = most
  }
  return {
    characteristics: {
      architecture: String(data['architecture'] ?? ''),
      cpu: free['cpu'] ?? '0',
      memory: free['memory'] ?? '0',
      pods: free['pods'] ?? '0',
      ...(gpu ? { gpu: { ...gpu, cores: free['gpu.cores'] ?? '0', memory: free['gpu.memory'] ?? '0' } } : {}),
      ...(free['storage'] === undefined ? {} : { storage: free['storage'] }),
    },
    properties: (data['properties'] ?? {}) as K8Slice['properties'],
    policies: { partitionability: partitionability as unknown as Partitionability },
  }
}
