/** From an intent to the first answer of its workload, which another node runs; with and without the start of the program. */
import { atMost, round, type Benchmark } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { Control } from './lib/control.ts'
import { acquainted, BUYER, runIntent, SELLER, startBare } from './lib/intents.ts'
import { median, percentile } from './lib/statistics.ts'
import { startWorker } from './lib/worker.ts'
import type { nodeMethods } from './workers/node.ts'

export const intent: Benchmark = {
  name: 'intent',
  description: 'intent to first answer of the workload, two nodes; part of it: starting the bare program',

  async run({ quick, directory, execArgv, progress }) {
    const runs = quick ? 8 : 30
    const warmUps = 3
    const domain = createBenchDomain(directory)
    const provider = startWorker<typeof nodeMethods>('node.ts', execArgv)
    const consumer = startWorker<typeof nodeMethods>('node.ts', execArgv)
    try {
      const sold = await provider.call('start', { directory: await domain.addNode('beta', SELLER) })
      const peers = [{ address: sold.rearAddress, id: sold.id }]
      const { controlSocket } = await consumer.call('start', {
        directory: await domain.addNode('alpha', { ...BUYER, peers }),
      })
      const control = new Control(controlSocket)
      await acquainted(control, 1)

      const whole: number[] = []
      const bare: number[] = []
      for (let run = -warmUps; run < runs; run++) {
        if (run % 10 === 0) progress(`run ${run} of ${runs}`)
        const bareMs = await startBare()
        const wholeMs = await runIntent(control, `run-${run + warmUps}`)
        if (run < 0) continue
        whole.push(wholeMs)
        bare.push(bareMs)
      }
      const rest = whole.map((ms, index) => ms - bare[index]!)
      const row = (what: string, times: readonly number[]) => ({
        what,
        'p50 ms': round(median(times)),
        'p99 ms': round(percentile(times, 0.99)),
        'least ms': round(Math.min(...times)),
      })
      return {
        tables: [
          {
            title: `Intent to first answer, ${runs} runs`,
            rows: [
              row('in all', whole),
              row('starting the bare program alone', bare),
              row('without it', rest),
            ],
          },
        ],
        goals: [atMost('intent to first answer: p50 under 250 ms in all', median(whole), 250)],
      }
    } finally {
      await Promise.all([consumer.stop(), provider.stop()])
    }
  },
}
