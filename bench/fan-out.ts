/**
 * A node that asks 32 peers, of which 4 have died, against one that asks the 28 that are alive.
 *
 * Two of the four are gone, so that connections to them are refused; two are there and say nothing, as a machine that
 * hangs (their process is stopped in the middle of what it does). Measured is a discovery as an intent starts one:
 * from the Discovery object to its end, as a client of the control API sees it.
 */
import { atMost, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { Control } from './lib/control.ts'
import { acquainted, BUYER, SELLER } from './lib/intents.ts'
import { interleave } from './lib/rounds.ts'
import { median, percentile } from './lib/statistics.ts'
import { startWorker, type Worker } from './lib/worker.ts'
import type { nodeMethods } from './workers/node.ts'
import type { nodesMethods } from './workers/nodes.ts'

const DISCOVERIES = '/apis/advertisement.fluidos.eu/v1alpha1/namespaces/default/discoveries'
const LIVE = 28
const REFUSING = 2
const SILENT = 2
/** Discoveries right after the four died, looked at one by one. */
const FIRST = 3

interface Discovery {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly phase: { readonly phase: string; readonly message?: string } }
}

interface Measured {
  readonly ms: number
  readonly offers: number
}

export const fanOut: Benchmark = {
  name: 'fan-out',
  description: 'discovery among 32 peers of which 4 are dead; floor: among the 28 that live',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 4 : 10
    const perRound = quick ? 10 : 40
    const domain = createBenchDomain(directory)
    const consumers: Worker<typeof nodeMethods>[] = []
    const live = startWorker<typeof nodesMethods>('nodes.ts')
    const refusing = startWorker<typeof nodesMethods>('nodes.ts')
    const silent = startWorker<typeof nodesMethods>('nodes.ts')

    async function startPeers(worker: Worker<typeof nodesMethods>, what: string, count: number) {
      const names = Array.from({ length: count }, (_, index) => `${what}-${index}`)
      const { cluster, sell } = SELLER
      return worker.call('start', {
        directories: await Promise.all(names.map((name) => domain.addNode(name, { cluster, sell }))),
      })
    }

    async function startConsumer(
      name: string,
      peers: readonly { readonly id: string; readonly address: string }[],
    ): Promise<Control> {
      const worker = startWorker<typeof nodeMethods>('node.ts', execArgv)
      consumers.push(worker)
      const { controlSocket } = await worker.call('start', {
        directory: await domain.addNode(name, { ...BUYER, peers: [...peers] }),
      })
      const control = new Control(controlSocket)
      await acquainted(control, peers.length)
      return control
    }

    try {
      progress('starting 32 peers and two that ask them')
      const alive = await startPeers(live, 'live', LIVE)
      const mortal = [
        ...(await startPeers(refusing, 'refusing', REFUSING)),
        ...(await startPeers(silent, 'silent', SILENT)),
      ]
      const few = await startConsumer('few', alive)
      const all = await startConsumer('all', [...alive, ...mortal])
      let count = 0
      const discover = async (control: Control): Promise<Measured> => {
        const name = `bench-${count++}`
        const over = await control.watch(DISCOVERIES, (object) => {
          const { metadata, status } = object as Discovery
          if (metadata.name !== name || status === undefined) return undefined
          if (status.phase.phase === 'Failed') throw new Error(`${name} failed: ${status.phase.message}`)
          return status.phase.phase === 'Solved'
            ? Number.parseInt(status.phase.message ?? '0', 10)
            : undefined
        })
        const start = performance.now()
        await control.call('POST', DISCOVERIES, {
          apiVersion: 'advertisement.fluidos.eu/v1alpha1',
          kind: 'Discovery',
          metadata: { name },
          spec: { solverID: 'bench', subscribe: false, selector: { flavorType: 'K8Slice' } },
        })
        const offers = await over()
        const ms = performance.now() - start
        await control.call('DELETE', `${DISCOVERIES}/${name}`)
        return { ms, offers }
      }
      const several =
        (control: Control, runs = perRound) =>
        async (): Promise<readonly Measured[]> => {
          const measured: Measured[] = []
          for (let run = 0; run < runs; run++) measured.push(await discover(control))
          return measured
        }

      progress('while all live')
      const before = await interleave({ few: several(few), all: several(all) }, Math.ceil(rounds / 4))
      await refusing.stop()
      process.kill(silent.pid, 'SIGSTOP')
      progress('just after four died')
      const first = await several(all, FIRST)()
      progress('from then on')
      const after = await interleave({ few: several(few), all: several(all) }, rounds)

      const p99 = (rounds: readonly (readonly Measured[])[]): number =>
        percentile(
          rounds.flat().map(({ ms }) => ms),
          0.99,
        )
      const row = (peers: string, alive: number, all: readonly (readonly Measured[])[]): Row => ({
        peers,
        'p50 ms': round(median(all.flat().map(({ ms }) => ms))),
        'p99 ms': round(p99(all)),
        discoveries: all.flat().length,
        'with all offers, %': round(
          (100 * all.flat().filter(({ offers }) => offers >= alive).length) / all.flat().length,
        ),
      })
      return {
        tables: [
          {
            title: 'From the Discovery to its end',
            rows: [
              row('28, all alive', LIVE, before.few),
              row('32, all alive', LIVE + REFUSING + SILENT, before.all),
              row('28, all alive, in turns with the next', LIVE, after.few),
              row('32, 4 of them dead', LIVE, after.all),
            ],
          },
          {
            title: 'The first discoveries after the four died',
            rows: first.map(({ ms, offers }, index): Row => ({
              discovery: index + 1,
              ms: round(ms),
              offers,
            })),
          },
        ],
        goals: [
          atMost(
            'discovery among 32 with 4 dead: p99 at most 1.3 x that among 28',
            p99(after.all) / p99(after.few),
            1.3,
          ),
        ],
      }
    } finally {
      process.kill(silent.pid, 'SIGCONT')
      await Promise.all([...consumers, live, refusing, silent].map((worker) => worker.stop()))
    }
  },
}
