/**
 * From an intent to the first answer of its workload when two supernodes stand in between (workflow 3, four processes),
 * against the same between two nodes that know each other (workflow 1, two processes), in turns.
 *
 * Once with nothing known beforehand, so that the question goes all the way before every purchase, and once with the
 * offers that the purchase before left behind.
 */
import { atMost, round, type Benchmark, type Row } from './lib/benchmark.ts'
import { CANDIDATES, Chains, type Chain } from './lib/chains.ts'
import { type Control, until } from './lib/control.ts'
import { runIntent, startBare } from './lib/intents.ts'
import { interleave } from './lib/rounds.ts'
import { median, medianRatio, percentile } from './lib/statistics.ts'

const BARE = 'starting the bare program alone'

export const relayedIntent: Benchmark = {
  name: 'relayed-intent',
  description:
    'intent to answer through two supernodes; floor: the same between two nodes that know each other',

  async run({ quick, directory, execArgv, progress }) {
    const rounds = quick ? 6 : 25
    const started = new Chains(directory, execArgv)
    try {
      progress('starting two nodes, and four')
      const chains = [await started.direct(), await started.relayed()]
      let runs = 0
      const once =
        ({ consumer, askers }: Chain, forgetting: boolean) =>
        async (): Promise<number> => {
          runs++
          if (runs % 20 === 0) progress(`run ${runs}`)
          if (forgetting) for (const control of askers) await forget(control)
          return runIntent(consumer, `run-${runs}`)
        }
      const results = await interleave(
        {
          [BARE]: startBare,
          ...Object.fromEntries(
            chains.flatMap((chain) => [
              [`${chain.name}, nothing known`, once(chain, true)],
              [`${chain.name}, offers known`, once(chain, false)],
            ]),
          ),
        } as Readonly<Record<string, () => Promise<number>>>,
        rounds,
        2,
      )
      const ratioOf = (what: string, less: readonly number[] = results[BARE]!.map(() => 0)): number =>
        medianRatio(
          results[`relayed, ${what}`]!.map((ms, run) => ms - less[run]!),
          results[`direct, ${what}`]!.map((ms, run) => ms - less[run]!),
        )
      const cases = ['nothing known', 'offers known'] as const
      const rows = Object.entries(results).map(([what, times]): Row => ({
        what,
        'p50 ms': round(median(times)),
        'p99 ms': round(percentile(times, 0.99)),
        'least ms': round(Math.min(...times)),
      }))
      return {
        tables: [
          { title: `Intent to first answer, ${rounds} rounds`, rows },
          {
            title: 'Relayed (workflow 3), as a multiple of direct (workflow 1)',
            rows: cases.map((what) => ({
              before: what,
              'times as long': round(ratioOf(what)),
              'without the program itself': round(ratioOf(what, results[BARE])),
            })),
          },
        ],
        goals: cases.map((what) =>
          atMost(`relayed intent, ${what}: at most 3 x the direct one`, ratioOf(what), 3),
        ),
      }
    } finally {
      await started.stop()
    }
  },
}

/** Makes a node know of no offer. */
async function forget(control: Control): Promise<void> {
  const { items } = (await control.call('GET', CANDIDATES)) as {
    items: readonly { readonly metadata: { readonly name: string } }[]
  }
  for (const { metadata } of items) {
    // It may be gone by itself.
    await control.call('DELETE', `${CANDIDATES}/${metadata.name}`).catch(() => undefined)
  }
  await until('no offer is known', async () => (await control.count(CANDIDATES)) === 0)
}
