/** LIST_FLAVORS with a range of cpu and memory, against a bare HTTPS server that sends the same bytes. */
import { atLeast, atMost, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { flavorMarket, MATCHES, type Shape } from './lib/flavor-market.ts'
import { interleave } from './lib/rounds.ts'
import { median, medianRate, medianRatio, type Rate } from './lib/statistics.ts'
import { startWorker, type Worker } from './lib/worker.ts'
import type { answersMethods } from './workers/answers.ts'
import type { loadMethods } from './workers/load.ts'
import type { nodeMethods } from './workers/node.ts'

const SIZES = [1_000, 10_000] as const
const CLIENTS = [1, 16] as const

/** More questions than a node keeps answers for, or one that it keeps. */
const QUESTIONS = { varied: 1_000, repeated: 1 } as const

interface Server {
  readonly port: number
  readonly worker: Pick<Worker<typeof nodeMethods | typeof answersMethods>, 'stop'> & {
    call(method: 'cpuMs'): Promise<number>
  }
}

interface Measured extends Rate {
  /** Processor time of the server for one answer, in microseconds. */
  readonly cpuUs: number
}

interface Case {
  readonly shape: Shape
  readonly questions: keyof typeof QUESTIONS
  readonly clients: number
}

export const list: Benchmark = {
  name: 'list',
  description: 'LIST with a cpu and memory range over 1,000 and 10,000 flavors; floor: bare HTTPS server',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 3 : 7
    const durationMs = quick ? 200 : 700
    const warmUps = quick ? 5_000 : 20_000
    const shapes: readonly Shape[] = quick ? ['scattered'] : ['scattered', 'opposed']
    const domain = createBenchDomain(directory)
    const client = await domain.addNode('client')
    const load = startWorker<typeof loadMethods>('load.ts')
    const floor = startWorker<typeof answersMethods>('answers.ts', execArgv)
    const servers = new Map<string, Server>()
    let bytes = 0
    try {
      const bare: Server = {
        port: await floor.call('listen', { directory: await domain.addNode('floor') }),
        worker: floor,
      }
      for (const shape of shapes) {
        for (const size of SIZES) {
          const place = `${shape}-${size}`
          progress(`a node with ${size} ${shape} flavors`)
          const node = startWorker<typeof nodeMethods>('node.ts', execArgv)
          const { id, rearAddress } = await node.call('start', { directory: await domain.addNode(place) })
          const port = Number(rearAddress.split(':').at(-1))
          servers.set(place, { port, worker: node })
          const market = flavorMarket(size, shape)
          await node.call('addFlavors', { pools: market.pools })
          await node.call('settle')
          await load.call('introduce', { directory: client, address: rearAddress, id })
          // What comes first must not pay for what the compiler has yet to learn.
          const warmUp = market.queries(QUESTIONS.varied)
          await load.call('prepare', { name: `warm-up ${place}`, paths: warmUp })
          for (let asked = 0; asked < warmUps;) {
            const { count } = await load.call('measure', {
              directory: client,
              port,
              name: `warm-up ${place}`,
              clients: Math.max(...CLIENTS),
              durationMs: 500,
            })
            asked += count
          }
          for (const [questions, count] of Object.entries(QUESTIONS)) {
            const paths = market.queries(count)
            const prefix = `/${place}`
            bytes = await floor.call('learn', { directory: client, port, prefix, paths, matches: MATCHES })
            await load.call('prepare', { name: `node ${place} ${questions}`, paths })
            await load.call('prepare', {
              name: `floor ${place} ${questions}`,
              paths: paths.map((path) => prefix + path),
            })
          }
        }
      }

      const cases: Case[] = CLIENTS.flatMap((clients) =>
        (['varied', 'repeated'] as const).map((questions) => ({
          shape: 'scattered' as const,
          questions,
          clients,
        })),
      )
      if (shapes.includes('opposed')) cases.push({ shape: 'opposed', questions: 'varied', clients: 16 })
      const rows: Row[] = []
      const ratios: { readonly of: Case; readonly size: number; readonly ratio: number }[] = []
      const growth: { readonly of: Case; readonly ratio: number }[] = []
      for (const one of cases) {
        const { shape, questions, clients } = one
        progress(`${shape}, ${questions}, ${clients} clients`)
        const measure = (server: Server, name: string) => async (): Promise<Measured> => {
          const before = await server.worker.call('cpuMs')
          const rate = await load.call('measure', {
            directory: client,
            port: server.port,
            name,
            clients,
            durationMs,
          })
          const after = await server.worker.call('cpuMs')
          return { ...rate, cpuUs: ((after - before) / rate.count) * 1_000 }
        }
        const contenders = Object.fromEntries(
          SIZES.flatMap((size) => {
            const place = `${shape}-${size}`
            return [
              [`node ${size}`, measure(servers.get(place)!, `node ${place} ${questions}`)],
              [`floor ${size}`, measure(bare, `floor ${place} ${questions}`)],
            ]
          }),
        )
        const results = await interleave(contenders, rounds, 2)
        const speeds = (name: string): number[] => results[name]!.map(({ perSecond }) => perSecond)
        for (const size of SIZES) {
          const node = medianRate(results[`node ${size}`]!)
          const least = medianRate(results[`floor ${size}`]!)
          const ratio = medianRatio(speeds(`node ${size}`), speeds(`floor ${size}`))
          ratios.push({ of: one, size, ratio })
          rows.push({
            flavors: size,
            shape,
            questions,
            clients,
            'req/s': Math.round(node.perSecond),
            'floor req/s': Math.round(least.perSecond),
            ratio: round(ratio),
            'cpu µs': cpuOf(results[`node ${size}`]!),
            'floor cpu µs': cpuOf(results[`floor ${size}`]!),
            'p50 ms': round(node.p50Ms),
            'p99 ms': round(node.p99Ms),
            'floor p50': round(least.p50Ms),
            'floor p99': round(least.p99Ms),
          })
        }
        growth.push({ of: one, ratio: medianRatio(speeds(`node ${SIZES[0]}`), speeds(`node ${SIZES[1]}`)) })
      }
      const worst = Math.min(...ratios.map(({ ratio }) => ratio))
      const varied = median(ratios.filter(({ of }) => of.questions === 'varied').map(({ ratio }) => ratio))
      return {
        tables: [
          { title: `LIST, ${MATCHES} matches each, ${Math.round(bytes / 102.4) / 10} KiB an answer`, rows },
          {
            title: 'Time of an answer from 10,000 flavors, as a multiple of that from 1,000',
            rows: growth.map(({ of, ratio }) => ({ ...of, 'times as long': round(ratio) })),
          },
        ],
        goals: [
          atLeast('LIST: every case at least 0.5 of the floor', worst, 0.5),
          atLeast('LIST: varied questions at least 0.5 of the floor (median)', varied, 0.5),
          atMost(
            'LIST: 10,000 flavors at most 2 x the time of 1,000 (worst)',
            Math.max(...growth.map(({ ratio }) => ratio)),
            2,
          ),
        ],
      }
    } finally {
      await Promise.all([
        load.stop(),
        floor.stop(),
        ...Array.from(servers.values(), ({ worker }) => worker.stop()),
      ])
    }
  },
}

const cpuOf = (rounds: readonly Measured[]): number => round(median(rounds.map(({ cpuUs }) => cpuUs)))
