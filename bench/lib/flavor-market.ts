/**
 * Pools, hence flavors, in any number, and questions that exactly twenty of them answer. The same every run.
 */
import type { PoolSpec } from '../../src/objects/pool.ts'

/** How many flavors match each question. */
export const MATCHES = 20

/**
 * - `scattered`: cpu and memory have nothing to do with each other; a question bounds both on both sides
 * - `opposed`: the more cpu the less memory; a question wants much of both, so that either bound alone
 *   leaves half of all flavors
 */
export type Shape = 'scattered' | 'opposed'

export interface FlavorMarket {
  readonly pools: readonly { readonly name: string; readonly spec: PoolSpec }[]
  /** @returns `count` different questions: path and query of LIST */
  queries(count: number): readonly string[]
}

export function flavorMarket(size: number, shape: Shape): FlavorMarket {
  const random = pseudoRandom(size)
  // The n-th smallest cpu belongs to the flavor with the memoryOf[n]-th smallest memory.
  const memoryOf = Array.from({ length: size }, (_, cpu) => size - 1 - cpu)
  if (shape === 'scattered') shuffle(memoryOf, random)
  return {
    pools: memoryOf.map((memory, cpu) => ({
      name: `pool-${String(cpu).padStart(6, '0')}`,
      spec: poolSpec(cpuText(cpu), memoryText(memory)),
    })),
    queries(count) {
      const queries = new Set<string>()
      while (queries.size < count) {
        queries.add(shape === 'scattered' ? windowQuery(memoryOf, random) : cornerQuery(size, random))
      }
      return [...queries]
    },
  }
}

/** Twenty flavors in a window of both; neither bound chooses much better than the other. */
function windowQuery(memoryOf: readonly number[], random: () => number): string {
  const width = Math.floor(Math.sqrt(MATCHES * memoryOf.length))
  const cpu = Math.floor(random() * (memoryOf.length - width))
  const inside = memoryOf.slice(cpu, cpu + width).sort((a, b) => a - b)
  const from = Math.floor(random() * (width - MATCHES))
  return query(
    { min: cpuText(cpu), max: cpuText(cpu + width - 1) },
    { min: memoryText(inside[from]!), max: memoryText(inside[from + MATCHES - 1]!) },
  )
}

/** At least so much of both: around the middle of both. */
function cornerQuery(size: number, random: () => number): string {
  const cpu = Math.floor(size * (0.2 + 0.6 * random()))
  // No flavor is that large: it only makes more questions different.
  const most = cpuText(size + Math.floor(100 * random()))
  return query({ min: cpuText(cpu), max: most }, { min: memoryText(size - cpu - MATCHES) })
}

function query(cpu: Range, memory: Range): string {
  const filters = Object.entries({ cpu, memory }).flatMap(([field, range]) =>
    Object.entries(range).map(([bound, value]) => `filter[${field}][range][${bound}]=${value}`),
  )
  return `/api/v2/flavors/k8slice?${filters.join('&')}`
}

interface Range {
  readonly min?: string
  readonly max?: string
}

const cpuText = (rank: number): string => `${100 + 3 * rank}m`
const memoryText = (rank: number): string => `${64 + 3 * rank}Mi`

/** What one contract buys. */
export const PART = { cpu: '10m', memory: '16Mi', pods: '1' }

/** @returns an ordinary offer of this size */
export function poolSpec(cpu: string, memory: string, pods = '110'): PoolSpec {
  return {
    flavorType: 'k8slice',
    capacity: { cpu, memory, pods },
    partition: {
      minimum: { cpu: '1m', memory: '1Mi' },
      step: { cpu: '1m', memory: '1Mi' },
    },
    data: {
      architecture: 'amd64',
      properties: {
        latency: 5,
        securityStandards: ['GDPR'],
        'carbon-footprint': { embodied: 1, operational: [120] },
      },
    },
    price: { amount: '0.25', currency: 'EUR', period: 'hour' },
    location: { country: 'IT', city: 'Turin', latitude: '45.07', longitude: '7.69' },
    visibility: 'public',
  }
}

/** @returns numbers from 0 to 1 that look random (mulberry32) */
function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function shuffle(items: number[], random: () => number): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = items[last]!
    items[last] = items[other]!
    items[other] = kept
  }
}
