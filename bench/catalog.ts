/**
 * A catalog of 100,000 flavors of 1,000 providers, one in a hundred of them refreshed each second, against a catalog of
 * 1,000 flavors that is refreshed as busily: how long LIST takes, what a flavor costs in memory, how long the start takes.
 */
import { atMost, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { flavorMarket, MATCHES } from './lib/flavor-market.ts'
import { interleave } from './lib/rounds.ts'
import { median, medianRate, medianRatio, type Rate } from './lib/statistics.ts'
import { startWorker, type Worker } from './lib/worker.ts'
import type { loadMethods } from './workers/load.ts'
import type { nodeMethods } from './workers/node.ts'
import type { providersMethods } from './workers/providers.ts'

/** Flavors of each provider. */
const EACH = 100
const REFRESHED_SHARE = 0.01
const LISTS_PER_SECOND = 200
const QUESTIONS = 1_000
const GC = ['--expose-gc']

interface Catalog {
  readonly size: number
  readonly directory: string
  worker: Worker<typeof nodeMethods>
  port: number
  used: number
}

interface Measured extends Rate {
  /** Processor time of the catalog for one second. */
  readonly cpuMs: number
  /** See `work` of the worker. */
  readonly workP99Ms: number
  readonly workMostMs: number
  readonly refreshed: number
}

export const catalog: Benchmark = {
  name: 'catalog',
  description: 'LIST from 100,000 flavors of which 1 % are refreshed each second; floor: the same with 1,000',

  async run({ quick, directory, execArgv, progress }) {
    const sizes = quick ? [1_000, 20_000] : [1_000, 100_000]
    const rounds = quick ? 3 : 5
    const durationMs = quick ? 3_000 : 5_000
    const domain = createBenchDomain(directory)
    const client = await domain.addNode('client')
    const load = startWorker<typeof loadMethods>('load.ts')
    const providers = startWorker<typeof providersMethods>('providers.ts')
    const catalogs: Catalog[] = []

    async function startCatalog(place: string): Promise<{
      readonly worker: Worker<typeof nodeMethods>
      readonly id: string
      readonly address: string
      readonly port: number
    }> {
      const worker = startWorker<typeof nodeMethods>('node.ts', [...GC, ...execArgv])
      const { id, rearAddress: address } = await worker.call('start', { directory: place })
      return { worker, id, address, port: Number(address.split(':').at(-1)) }
    }

    try {
      const loading: Row[] = []
      for (const size of sizes) {
        progress(`${size} flavors of ${size / EACH} providers`)
        const place = await domain.addNode(`catalog-${size}`, { role: 'catalog' })
        const { worker, id, address, port } = await startCatalog(place)
        catalogs.push({ size, directory: place, worker, port, used: 0 })
        const directories = await Promise.all(
          Array.from({ length: size / EACH }, (_, index) => domain.addNode(`provider-${size}-${index}`)),
        )
        const before = await worker.call('cpuMs')
        const start = performance.now()
        await providers.call('join', { name: String(size), directories, address, id, size })
        const cpu = (await worker.call('cpuMs')) - before
        loading.push({
          flavors: size,
          'in all s': round((performance.now() - start) / 1_000),
          'cpu µs each': round((cpu / size) * 1_000),
        })
        await load.call('introduce', { directory: client, address, id })
        await load.call('prepare', {
          name: String(size),
          paths: flavorMarket(size, 'scattered').queries(QUESTIONS),
        })
        await load.call('check', { directory: client, port, name: String(size), count: 50, matches: MATCHES })
        await worker.call('settle')
      }

      const measure =
        ({ size, worker, port }: Catalog, share: number) =>
        async (): Promise<Measured> => {
          const name = String(size)
          const before = await worker.call('cpuMs')
          await worker.call('watchWork')
          const [rate, refreshed] = await Promise.all([
            load.call('measureSteady', {
              directory: client,
              port,
              name,
              perSecond: LISTS_PER_SECOND,
              durationMs,
            }),
            share === 0 ? undefined : providers.call('refresh', { name, share, durationMs }),
          ])
          const cpuMs = (((await worker.call('cpuMs')) - before) / durationMs) * 1_000
          const work = await worker.call('work')
          return {
            ...rate,
            cpuMs,
            workP99Ms: work.p99Ms,
            workMostMs: work.mostMs,
            refreshed: ((refreshed?.flavors ?? 0) / durationMs) * 1_000,
          }
        }
      progress('asking')
      const results = await interleave(
        Object.fromEntries(
          catalogs.flatMap((each) => [
            [`${each.size} still`, measure(each, 0)],
            [`${each.size} refreshed`, measure(each, REFRESHED_SHARE)],
          ]),
        ),
        rounds,
      )
      const lists = catalogs.flatMap(({ size }) =>
        ['still', 'refreshed'].map((what): Row => {
          const measured = results[`${size} ${what}`]!
          const rate = medianRate(measured)
          const of = (pick: (one: Measured) => number): number => round(median(measured.map(pick)))
          return {
            flavors: size,
            'refreshed /s': of(({ refreshed }) => refreshed),
            'p50 ms': round(rate.p50Ms),
            'p99 ms': round(rate.p99Ms),
            'cpu ms/s': of(({ cpuMs }) => cpuMs),
            'p99 at a stretch, cpu ms': of(({ workP99Ms }) => workP99Ms),
            'longest stretch, cpu ms': of(({ workMostMs }) => workMostMs),
          }
        }),
      )
      const p99 = (name: string): number[] => results[name]!.map(({ p99Ms }) => p99Ms)
      const [small, large] = sizes as [number, number]
      const growth = medianRatio(p99(`${large} refreshed`), p99(`${small} refreshed`))

      const starts: Row[] = []
      for (const each of catalogs) {
        progress(`starting with ${each.size} flavors`)
        each.used = (await each.worker.call('memory')).used
        await each.worker.stop()
        const times: number[] = []
        for (let run = 0; run < (quick ? 1 : 3); run++) {
          const start = performance.now()
          const { worker, port } = await startCatalog(each.directory)
          each.worker = worker
          await load.call('check', {
            directory: client,
            port,
            name: String(each.size),
            count: 1,
            matches: MATCHES,
          })
          times.push(performance.now() - start)
          await worker.stop()
        }
        starts.push({
          flavors: each.size,
          'start to first answer ms': round(median(times)),
          'memory in use MiB': round(each.used / 2 ** 20),
        })
      }
      const [first, last] = catalogs as [Catalog, Catalog]
      const bytesEach = (last.used - first.used) / (large - small)
      return {
        tables: [
          {
            title: `LIST ${LISTS_PER_SECOND} times a second, ${MATCHES} matches each`,
            rows: lists,
          },
          { title: 'Memory and start', rows: starts },
          { title: 'Putting them on the table, signatures checked', rows: loading },
        ],
        goals: [
          atMost(`LIST p99 from ${large} flavors at most 2 x that from ${small}, both refreshed`, growth, 2),
        ],
        notes: [
          `${Math.round(bytesEach)} bytes of memory for each flavor. A refresh is one message for all ${EACH} flavors of a provider.`,
        ],
      }
    } finally {
      await Promise.all([
        load.stop(),
        providers.stop(),
        ...catalogs.map(async ({ worker }) => worker.stop().catch(() => undefined)),
      ])
    }
  },
}
