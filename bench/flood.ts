/**
 * What an honest peer still gets while another, just as accepted, floods the node: LIST on one connection, and RESERVE with
 * PURCHASE, each as soon as the one before is answered, with the flood and without it in turns.
 *
 * It is the node that is measured, and not who gets the processors: the node has one for itself, and the two peers share
 * another, on which the flood runs only when the honest one does not want to (nice 19).
 */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { atLeast, atMost, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { flavorMarket, poolSpec } from './lib/flavor-market.ts'
import { interleave } from './lib/rounds.ts'
import { medianRatio, type Rate } from './lib/statistics.ts'
import { startWorker } from './lib/worker.ts'
import type { buyersMethods } from './workers/buyers.ts'
import type { FloodKind, floodMethods } from './workers/flood.ts'
import type { loadMethods } from './workers/load.ts'
import type { nodeMethods } from './workers/node.ts'

const KINDS: Readonly<Record<FloodKind, string>> = {
  list: 'LIST, varied filters',
  reserve: 'RESERVE and cancel',
  purchase: 'PURCHASE with wrong signatures',
  advertise: 'ADVERTISE, 300 forged offers each',
  'telemetry, ratings': 'telemetry and ratings',
  traces: 'traces',
  'streams, unfinished bodies': 'streams, unfinished bodies',
  connections: 'connections, one after the other',
}
const FLAVORS = 1_000
/** What the flood has to leave, of the rate and in milliseconds. */
const LEAST = 0.7
const LONGEST_MS = 250

interface Got {
  readonly list: Rate
  readonly buy: Rate
}

export const flood: Benchmark = {
  name: 'flood',
  description: 'what an honest peer gets while another floods, in eight ways; floor: without the flood',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 2 : 5
    const durationMs = quick ? 500 : 1_000
    const domain = createBenchDomain(directory)
    const node = startWorker<typeof nodeMethods>('node.ts', execArgv)
    const load = startWorker<typeof loadMethods>('load.ts')
    const buyers = startWorker<typeof buyersMethods>('buyers.ts')
    const attacker = startWorker<typeof floodMethods>('flood.ts')
    const places = placeApart({ node: node.pid, honest: [load.pid, buyers.pid], flood: attacker.pid })
    try {
      const { id, rearAddress: address } = await node.call('start', {
        directory: await domain.addNode('node', { role: 'catalog' }),
      })
      const port = Number(address.split(':').at(-1))
      const market = flavorMarket(FLAVORS, 'scattered')
      await node.call('addFlavors', { pools: market.pools })
      const pool = { name: 'sold', spec: poolSpec('1000', '1000Gi', '100000') }
      const { sold: flavorID } = await node.call('addPools', { pools: [pool] })
      const honest = await domain.addNode('honest')
      await load.call('introduce', { directory: honest, address, id })
      await load.call('prepare', { name: 'list', paths: market.queries(5_000) })
      await buyers.call('open', { directories: [honest], address, id })
      const guest = await domain.addNode('flood')
      await attacker.call('open', {
        directory: guest,
        address,
        id,
        port,
        flavorID: flavorID!,
        flavors: FLAVORS,
      })

      const measure = async (): Promise<Got> => ({
        list: await load.call('measure', {
          ...{ directory: honest, port, name: 'list', clients: 1 },
          durationMs,
        }),
        buy: await buyers.call('buyFor', { flavorID: flavorID!, durationMs }),
      })
      progress('warm-up')
      for (let warmUp = 0; warmUp < 3; warmUp++) await measure()
      const rows: Row[] = []
      const ratios: number[] = []
      const waits: number[] = []
      for (const [kind, title] of Object.entries(KINDS) as [FloodKind, string][]) {
        progress(title)
        let answers: Readonly<Record<string, number>> = {}
        const { with: under, without } = await interleave(
          {
            without: measure,
            with: async () => {
              await attacker.call('start', { kind })
              await new Promise((resolve) => setTimeout(resolve, 200))
              const got = await measure()
              answers = await attacker.call('end')
              await node.call('settle')
              return got
            },
          },
          rounds,
        )
        const of = (what: keyof Got) => {
          const speeds = (all: readonly Got[]): number[] => all.map((got) => got[what].perSecond)
          const longest = (all: readonly Got[]): number => Math.max(...all.map((got) => got[what].longestMs))
          return {
            ratio: medianRatio(speeds(under), speeds(without)),
            rate: speeds(under).sort((a, b) => a - b)[under.length >> 1]!,
            p99: Math.max(...under.map((got) => got[what].p99Ms)),
            longest: longest(under),
            usually: longest(without),
          }
        }
        const [list, buy] = [of('list'), of('buy')]
        ratios.push(list.ratio, buy.ratio)
        waits.push(list.longest, buy.longest)
        rows.push({
          flood: title,
          'LIST/s': round(list.rate),
          ratio: round(list.ratio),
          'p99 ms': round(list.p99),
          'longest ms': round(list.longest),
          'without ms': round(list.usually),
          'buy/s': round(buy.rate),
          'ratio of buy': round(buy.ratio),
          'p99 of buy': round(buy.p99),
          'longest of buy': round(buy.longest),
          'without it': round(buy.usually),
          'flood got': Object.entries(answers)
            .map(([what, count]) => `${count} ${what}`)
            .join(' '),
        })
      }
      return {
        tables: [{ title: 'What an honest peer gets while another floods', rows }],
        goals: [
          atLeast(
            `an honest peer gets at least ${LEAST} of its rate, whatever the flood`,
            Math.min(...ratios),
            LEAST,
          ),
          atMost(`it never waits for longer than ${LONGEST_MS} ms`, Math.max(...waits), LONGEST_MS),
        ],
        notes: [places],
      }
    } finally {
      await Promise.all([node.stop(), load.stop(), buyers.stop(), attacker.stop()])
    }
  },
}

/** Gives each process its processor. @returns what a reader must know of that */
function placeApart(pids: {
  readonly node: number
  readonly honest: readonly number[]
  readonly flood: number
}): string {
  if (availableParallelism() < 2) return 'One processor for all: what the attacker uses is missing, too.'
  const run = (program: string, ...parameters: readonly (string | number)[]): void =>
    void execFileSync(program, parameters.map(String), { stdio: 'ignore' })
  try {
    run('taskset', '-acp', 0, pids.node)
    for (const pid of [...pids.honest, pids.flood]) run('taskset', '-acp', 1, pid)
    run('renice', '-n', 19, '-p', pids.flood)
    return 'The node had processor 0; both peers had processor 1, the flood with nice 19.'
  } catch {
    return 'Processes could not be given processors (taskset, renice): what the attacker uses is missing, too.'
  }
}
