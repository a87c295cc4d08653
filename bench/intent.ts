/** From an intent to the first answer of its workload, which another node runs; with and without the start of the program. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { atMost, round, type Benchmark } from './lib/benchmark.ts'
import { createBenchDomain } from './lib/bench-domain.ts'
import { Control, until } from './lib/control.ts'
import { median, percentile } from './lib/statistics.ts'
import { startWorker } from './lib/worker.ts'
import type { nodeMethods } from './workers/node.ts'

const INTENTS = '/apis/tributary.io/v1alpha1/namespaces/default/intents'
const VIRTUAL_NODES = '/apis/tributary.io/v1alpha1/virtualnodes'
const PODS = '/api/v1/pods'

/** The workload: the smallest web server. */
const PROGRAM =
  "require('node:http').createServer((_, response) => response.end('hello')).listen(Number(process.env.PORT), process.env.POD_IP)"
const PORT = 8080

interface Intent {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly url?: string; readonly phase?: string; readonly message?: string }
}

/** An intent that the consumer cannot serve itself. */
function intentOf(name: string): unknown {
  const amounts = { cpu: '1', memory: '256Mi' }
  return {
    apiVersion: 'tributary.io/v1alpha1',
    kind: 'Intent',
    metadata: { name },
    spec: {
      workload: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name },
          spec: {
            replicas: 1,
            selector: { matchLabels: { app: name } },
            template: {
              metadata: { labels: { app: name } },
              spec: {
                terminationGracePeriodSeconds: 0,
                containers: [
                  {
                    name: 'web',
                    command: [process.execPath, '-e', PROGRAM],
                    env: [
                      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                      { name: 'PORT', value: String(PORT) },
                    ],
                    ports: [{ containerPort: PORT }],
                    resources: { requests: amounts, limits: amounts },
                  },
                ],
              },
            },
          },
        },
      ],
    },
  }
}

/** @returns milliseconds until something that is there, or coming, answers */
async function answered(url: string, start: number): Promise<number> {
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
      if ((await response.text()) === 'hello') return performance.now() - start
    } catch (error) {
      if (performance.now() - start > 20_000) throw error
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

/** @returns milliseconds from the start of the bare program to its first answer */
async function startBare(): Promise<number> {
  const port = await freePort()
  const start = performance.now()
  const child = spawn(process.execPath, ['-e', PROGRAM], {
    env: { POD_IP: '127.0.0.1', PORT: String(port) },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  try {
    return await answered(`http://127.0.0.1:${port}/`, start)
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

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
      const sold = await provider.call('start', {
        directory: await domain.addNode('beta', {
          cluster: { capacity: { cpu: '100m', memory: '64Mi' } },
          sell: {
            capacity: { cpu: '4', memory: '4Gi', pods: '20' },
            partition: { minimum: { cpu: '100m', memory: '64Mi' }, step: { cpu: '100m', memory: '64Mi' } },
            price: { amount: '1', currency: 'EUR', period: 'hour' },
          },
          allowWorkloads: true,
        }),
      })
      const { controlUrl } = await consumer.call('start', {
        directory: await domain.addNode('alpha', {
          cluster: { capacity: { cpu: '100m', memory: '64Mi' } },
          peers: [{ address: sold.rearAddress, id: sold.id }],
        }),
      })
      const control = new Control(controlUrl)
      await until('the nodes know each other', async () => {
        const { peers } = (await control.call('GET', '/tributary/v1/status')) as {
          peers: { phase?: string }[]
        }
        return peers.some(({ phase }) => phase === 'Accepted')
      })

      const whole: number[] = []
      const bare: number[] = []
      for (let run = -warmUps; run < runs; run++) {
        if (run % 10 === 0) progress(`run ${run} of ${runs}`)
        const bareMs = await startBare()
        const name = `run-${run + warmUps}`
        const found = await control.watch(INTENTS, (object) => {
          const { metadata, status } = object as Intent
          if (metadata.name !== name) return undefined
          if (status?.phase === 'Failed') throw new Error(`${name} failed: ${status.message}`)
          return status?.url
        })
        const start = performance.now()
        await control.call('POST', INTENTS, intentOf(name))
        const wholeMs = await answered(await found(), start)
        await control.call('DELETE', `${INTENTS}/${name}`)
        await until(`${name} is gone`, async () => {
          const left = await control.call('GET', `${INTENTS}/${name}`)
          return (
            left === undefined && (await control.count(VIRTUAL_NODES)) + (await control.count(PODS)) === 0
          )
        })
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
