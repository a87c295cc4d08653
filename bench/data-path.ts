/**
 * Bytes from a workload to its user through the virtual router, directly and through two supernodes, against plain TLS
 * on the same machine.
 *
 * Plain TLS is one process that sends and one that receives. What stands between a workload and its user is more:
 * two processes that take the bytes from one and hand them to the other. So there is a second floor: the smallest
 * such tunnel.
 */
import { round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { Chains } from './lib/chains.ts'
import { handIn } from './lib/intents.ts'
import { interleave } from './lib/rounds.ts'
import { median, medianRatio } from './lib/statistics.ts'
import { startWorker } from './lib/worker.ts'
import type { streamsMethods } from './workers/streams.ts'
import type { tlsEndsMethods } from './workers/tls-ends.ts'

const STREAMS = [1, 16] as const
const MB = 1e6

/** Sends as many bytes as the first line says. */
const SOURCE = `
  const block = Buffer.alloc(65536, 'x')
  require('node:net').createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (line) => {
      let left = Number(line.toString())
      const send = () => {
        while (left > 0 && !socket.destroyed) {
          const size = Math.min(left, block.length)
          left -= size
          if (!socket.write(size === block.length ? block : block.subarray(0, size))) return socket.once('drain', send)
        }
      }
      send()
    })
  }).listen(Number(process.env.PORT), process.env.POD_IP)`

interface Way {
  readonly port: number
  /** For TLS from the reader on. */
  readonly directory?: string
  /** Processes whose work is counted: all that encrypt, decrypt or pass on. */
  readonly workers: readonly { call(method: 'cpuMs'): Promise<number> }[]
}

interface Measured {
  readonly mbPerSecond: number
  readonly cpuMsPerMb: number
}

export const dataPath: Benchmark = {
  name: 'data-path',
  description:
    'throughput of the virtual router, direct and through two relays; floor: plain TLS on loopback',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 3 : 5
    const bytes = (quick ? 32 : 64) * MB
    const domain = createBenchDomain(directory)
    const reader = startWorker<typeof streamsMethods>('streams.ts')
    const [source, near, far] = [0, 1, 2].map(() => startWorker<typeof tlsEndsMethods>('tls-ends.ts'))
    const chains = new Chains(directory, execArgv)
    try {
      progress('starting two nodes, and four, and a workload behind each')
      const client = await domain.addNode('client')
      const server = await domain.addNode('server')
      const portOf = (url: string): number => Number(new URL(url).port)
      const direct = await chains.direct()
      const relayed = await chains.relayed()
      const directPort = portOf(await handIn(direct.consumer, 'source', SOURCE))
      const relayedPort = portOf(await handIn(relayed.consumer, 'source', SOURCE))
      const tlsPort = await source!.call('source', { directory: server })
      const farPort = await far!.call('far', {
        directory: server,
        port: await source!.call('plain'),
      })
      const nearPort = await near!.call('near', { directory: client, port: farPort })
      const ways: Readonly<Record<string, Way>> = {
        'plain TLS': { port: tlsPort, directory: client, workers: [source!, reader] },
        'bare tunnel': { port: nearPort, workers: [near!, far!] },
        direct: { port: directPort, workers: direct.nodes },
        relayed: { port: relayedPort, workers: relayed.nodes },
      }
      const cpuOf = async ({ workers }: Way): Promise<number> =>
        (await Promise.all(workers.map((worker) => worker.call('cpuMs')))).reduce((sum, ms) => sum + ms, 0)
      const rows: Row[] = []
      for (const streams of STREAMS) {
        progress(`${streams} streams`)
        const measure = (way: Way) => async (): Promise<Measured> => {
          const { port, directory: place } = way
          const before = await cpuOf(way)
          const ms = await reader.call('pull', {
            port,
            streams,
            bytes,
            ...(place === undefined ? {} : { directory: place }),
          })
          const cpu = (await cpuOf(way)) - before
          return { mbPerSecond: bytes / MB / (ms / 1_000), cpuMsPerMb: cpu / (bytes / MB) }
        }
        const results = await interleave(
          Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, measure(way)])),
          rounds,
        )
        const of = (name: string, pick: keyof Measured): number[] => results[name]!.map((one) => one[pick])
        for (const name of Object.keys(ways)) {
          const compared = (floor: string): number =>
            round(medianRatio(of(name, 'mbPerSecond'), of(floor, 'mbPerSecond')))
          rows.push({
            way: name,
            streams,
            'MB/s': round(median(of(name, 'mbPerSecond'))),
            'of plain TLS': compared('plain TLS'),
            'of the tunnel': compared('bare tunnel'),
            'cpu ms/MB': round(median(of(name, 'cpuMsPerMb'))),
          })
        }
      }
      return {
        tables: [{ title: `${bytes / MB} MB from the workload to its user`, rows }],
        goals: [],
        notes: [
          'cpu: of all processes that encrypt, decrypt or pass on (2, 2, 2 and 4); of plain TLS they are sender and receiver, too.',
        ],
      }
    } finally {
      await Promise.all([chains.stop(), ...[reader, source!, near!, far!].map((worker) => worker.stop())])
    }
  },
}
