/** Memory of an idle node, less that of a bare Node process, and what flavors add to it. */
import { execFileSync } from 'node:child_process'
import { round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { flavorMarket } from './lib/flavor-market.ts'
import { interleave } from './lib/rounds.ts'
import { median } from './lib/statistics.ts'
import { startWorker } from './lib/worker.ts'
import type { nodeMethods } from './workers/node.ts'

const MIB = 2 ** 20
const GC = ['--expose-gc']

const BARE_PROGRAM = `
  for (let round = 0; round < 5; round++) gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  console.log(JSON.stringify({ rss, used: heapUsed + external }))
`

/** In bytes. */
interface Memory {
  /** What the operating system counts, room for new objects included that V8 keeps. */
  readonly rss: number
  /** What is really in use, of V8's heap and beside it. */
  readonly used: number
}

/** The floor: Node itself, without a program, and without what it needs to read TypeScript. */
function measureBare(): Promise<Memory> {
  const output = execFileSync(process.execPath, [...GC, '-e', BARE_PROGRAM], { encoding: 'utf8' })
  return Promise.resolve(JSON.parse(output) as Memory)
}

export const memory: Benchmark = {
  name: 'memory',
  description: 'resident memory of an idle node, and per 1,000 flavors; floor: a bare Node process',

  async run({ quick, directory, progress }) {
    const rounds = quick ? 1 : 3
    const sizes = quick ? [1_000] : [1_000, 10_000]
    const domain = createBenchDomain(directory)
    const directories = new Map<number, string>()

    /** Started on a directory that has them already: what it took to make them is not counted. */
    async function measureNode(flavors: number): Promise<Memory> {
      progress(`a node with ${flavors} flavors`)
      const place = await directoryWith(flavors)
      const node = startWorker<typeof nodeMethods>('node.ts', GC)
      try {
        await node.call('start', { directory: place })
        await node.call('settle')
        return await node.call('memory')
      } finally {
        await node.stop()
      }
    }

    async function directoryWith(flavors: number): Promise<string> {
      const known = directories.get(flavors)
      if (known !== undefined) return known
      const place = await domain.addNode(`node-${flavors}`)
      directories.set(flavors, place)
      const node = startWorker<typeof nodeMethods>('node.ts')
      try {
        await node.call('start', { directory: place })
        await node.call('addFlavors', { pools: flavorMarket(flavors, 'scattered').pools })
      } finally {
        await node.stop()
      }
      return place
    }

    const results = await interleave(
      {
        bare: measureBare,
        idle: () => measureNode(0),
        ...Object.fromEntries(sizes.map((size) => [String(size), () => measureNode(size)])),
      } as Readonly<Record<string, () => Promise<Memory>>>,
      rounds,
      0,
    )
    const mib = (name: string, of: keyof Memory): number =>
      median(results[name]!.map((each) => each[of] / MIB))
    const row = (what: string, of: (kind: keyof Memory) => number): Row => ({
      what,
      'resident MiB': round(of('rss')),
      'used MiB': round(of('used')),
    })
    return {
      tables: [
        {
          title: 'Memory after garbage collection',
          rows: [
            row('a bare Node process', (kind) => mib('bare', kind)),
            row('an idle node', (kind) => mib('idle', kind)),
            row('an idle node, less the bare process', (kind) => mib('idle', kind) - mib('bare', kind)),
            ...sizes.map((size) =>
              row(
                `per 1,000 flavors, at ${size.toLocaleString('en-US')}`,
                (kind) => ((mib(String(size), kind) - mib('idle', kind)) / size) * 1_000,
              ),
            ),
          ],
        },
      ],
      goals: [],
    }
  },
}
