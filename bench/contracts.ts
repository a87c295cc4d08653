/** RESERVE and PURCHASE, durable and signed by both sides, against a loop that only signs, verifies and commits. */
import { atLeast, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { poolSpec } from './lib/flavor-market.ts'
import { interleave } from './lib/rounds.ts'
import { median, medianRate, medianRatio } from './lib/statistics.ts'
import { startWorker, type Worker } from './lib/worker.ts'
import type { buyersMethods } from './workers/buyers.ts'
import type { ContractSample, contractRowsMethods } from './workers/contract-rows.ts'
import type { nodeMethods } from './workers/node.ts'

const BUYERS = [1, 16] as const

/** Large enough for every contract of a run. */
const SPEC = poolSpec('1000', '1000Gi', '100000')

const RESOURCES: Readonly<Record<keyof ContractSample, string>> = {
  transaction: 'transactions.reservation.fluidos.eu',
  shard: 'poolshards.tributary.io',
  flavor: 'flavors.nodecore.fluidos.eu',
  allocation: 'allocations.nodecore.fluidos.eu',
  contract: 'contracts.reservation.fluidos.eu',
  fact: 'facts.tributary.io',
  rating: 'ratings.tributary.io',
  router: 'virtualrouters.tributary.io',
}

export const contracts: Benchmark = {
  name: 'contracts',
  description: 'RESERVE + PURCHASE, durable, both signatures; floor: sign, verify and commit the same rows',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 3 : 7
    // So many that what is left to be written at the end of a round hardly counts.
    const count = quick ? 80 : 240
    const live = quick ? [1, 100] : [1, 100, 1_000]
    const domain = createBenchDomain(directory)
    const seller = startWorker<typeof nodeMethods>('node.ts', execArgv)
    const buyers = startWorker<typeof buyersMethods>('buyers.ts')
    const floor = startWorker<typeof contractRowsMethods>('contract-rows.ts', execArgv)
    try {
      const { id, rearAddress: address } = await seller.call('start', {
        directory: await domain.addNode('seller'),
      })
      const names = Array.from({ length: Math.max(...BUYERS) }, (_, index) => `buyer-${index}`)
      const directories = await Promise.all(names.map((name) => domain.addNode(name)))
      await buyers.call('open', { directories, address, id })
      const first = await newPool(seller)
      await buyers.call('buy', { flavorID: first, count, buyers: 1 })
      await seller.call('settle')
      await floor.call('open', { directory: await domain.addNode('floor'), sample: await sampleOf(seller) })

      await seller.call('countWrites')
      /** Until the seller has also written what follows from the contracts: the floor waits for that, too. */
      const buy = async (what: { flavorID: string; count: number; buyers: number }) => {
        const rate = await buyers.call('buy', what)
        const elapsedMs = (rate.count / rate.perSecond) * 1_000 + (await lagOf(seller))
        return { ...rate, perSecond: (rate.count / elapsedMs) * 1_000 }
      }
      const rows: Row[] = []
      const ratios: number[] = []
      for (const each of BUYERS) {
        progress(`${each} buyers`)
        const split: { readonly reserveMs: number; readonly purchaseMs: number }[] = []
        const results = await interleave(
          {
            // A new pool every time: its ledger grows from nothing to `count`, as the floor's does.
            node: async () => {
              const flavorID = await newPool(seller)
              const before = await seller.call('cpuMs')
              const rate = await buy({ flavorID, count, buyers: each })
              const cpu = (await seller.call('cpuMs')) - before
              split.push(rate)
              await seller.call('settle')
              return { ...rate, cpu: cpu / count }
            },
            floor: async () => {
              const before = await floor.call('cpuMs')
              const rate = await floor.call('make', { count, atATime: each, live: 0 })
              return { ...rate, cpu: ((await floor.call('cpuMs')) - before) / count }
            },
          },
          rounds,
          2,
        )
        const speeds = (name: 'node' | 'floor'): number[] => results[name].map(({ perSecond }) => perSecond)
        const ratio = medianRatio(speeds('node'), speeds('floor'))
        const node = medianRate(results.node)
        const least = medianRate(results.floor)
        ratios.push(ratio)
        rows.push({
          buyers: each,
          'contracts/s': round(node.perSecond),
          'floor/s': round(least.perSecond),
          ratio: round(ratio),
          'p50 ms': round(node.p50Ms),
          'p99 ms': round(node.p99Ms),
          'floor p50': round(least.p50Ms),
          'floor p99': round(least.p99Ms),
          'reserve p50': round(split.at(-1)!.reserveMs),
          'purchase p50': round(split.at(-1)!.purchaseMs),
          'cpu ms': round(median(results.node.map(({ cpu }) => cpu))),
          'floor cpu ms': round(median(results.floor.map(({ cpu }) => cpu))),
        })
      }

      const growing: Row[] = []
      const flavorID = await newPool(seller)
      const sampled = quick ? 32 : 64
      let sold = 0
      for (const wanted of live) {
        progress(`a pool with ${wanted} contracts`)
        while (sold < wanted) {
          const more = Math.min(200, wanted - sold)
          await buyers.call('buy', { flavorID, count: more, buyers: Math.min(16, more) })
          sold += more
        }
        await seller.call('settle')
        for (const each of BUYERS) {
          const before = await seller.call('cpuMs')
          const node = await buy({ flavorID, count: sampled, buyers: each })
          const cpu = (await seller.call('cpuMs')) - before
          sold += sampled
          await seller.call('settle')
          const least = await floor.call('make', { count: sampled, atATime: each, live: wanted })
          growing.push({
            'live contracts': wanted,
            buyers: each,
            'contracts/s': round(node.perSecond),
            'p50 ms': round(node.p50Ms),
            'cpu ms': round(cpu / sampled),
            'floor/s': round(least.perSecond),
            ratio: round(node.perSecond / least.perSecond),
          })
        }
      }
      return {
        tables: [
          { title: `RESERVE + PURCHASE: ${count} contracts of a new pool in each round`, rows },
          { title: 'The same, by how many live contracts the pool has', rows: growing },
        ],
        goals: BUYERS.map((each, index) =>
          atLeast(`contracts with ${each} buyers: at least 0.4 of the floor`, ratios[index]!, 0.4),
        ),
      }
    } finally {
      await Promise.all([seller.stop(), buyers.stop(), floor.stop()])
    }
  },
}

/** Nothing was written for so long: what follows from the contracts is there. In milliseconds. */
const QUIET_MS = 40

/** @returns how long the node went on writing after this was called, in milliseconds */
async function lagOf(node: Worker<typeof nodeMethods>): Promise<number> {
  const kinds = Object.values(RESOURCES)
  const total = async (): Promise<number> =>
    Object.entries(await node.call('writes'))
      .filter(([name]) => kinds.some((kind) => name.startsWith(kind)))
      .reduce((sum, [, count]) => sum + count, 0)
  const start = performance.now()
  let last = start
  let before = await total()
  while (performance.now() - last < QUIET_MS) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    const now = await total()
    if (now !== before) last = performance.now()
    before = now
  }
  return last - start
}

let pools = 0

/** @returns the flavor of a new pool */
async function newPool(seller: Worker<typeof nodeMethods>): Promise<string> {
  const name = `pool-${pools++}`
  const flavors = await seller.call('addPools', { pools: [{ name, spec: SPEC }] })
  return flavors[name]!
}

async function sampleOf(seller: Worker<typeof nodeMethods>): Promise<ContractSample> {
  const sample: Record<string, unknown> = {}
  for (const [name, resource] of Object.entries(RESOURCES)) {
    sample[name] = await seller.call('sample', { resource })
    if (sample[name] === undefined) throw new Error(`the seller has no ${resource}`)
  }
  return sample as unknown as ContractSample
}
