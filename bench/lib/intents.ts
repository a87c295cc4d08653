/** Intents for benchmarks: what is asked for, until it answers, until it is gone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Config } from '../../src/config/index.ts'
import { type Control, until } from './control.ts'

const INTENTS = '/apis/tributary.io/v1alpha1/namespaces/default/intents'
const VIRTUAL_NODES = '/apis/tributary.io/v1alpha1/virtualnodes'
const PODS = '/api/v1/pods'

/** A node with room to sell. */
export const SELLER = {
  cluster: { capacity: { cpu: '100m', memory: '64Mi' } },
  sell: {
    capacity: { cpu: '4', memory: '4Gi', pods: '20' },
    partition: { minimum: { cpu: '100m', memory: '64Mi' }, step: { cpu: '100m', memory: '64Mi' } },
    price: { amount: '1', currency: 'EUR', period: 'hour' },
  },
  allowWorkloads: 'unisolated', // measures the node, not the start of a sandbox, and needs nothing on the machine
  guests: { runner: 'process' },
} satisfies Omit<Config, 'name' | 'domain'>

/** A node that can serve no intent itself. */
export const BUYER = {
  cluster: { capacity: { cpu: '100m', memory: '64Mi' } },
} satisfies Omit<Config, 'name' | 'domain'>

/** The workload: the smallest web server. */
const PROGRAM =
  "require('node:http').createServer((_, response) => response.end('hello')).listen(Number(process.env.PORT), process.env.POD_IP)"
const PORT = 8080

interface Intent {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly url?: string; readonly phase?: string; readonly message?: string }
}

/** An intent that the consumer cannot serve itself. */
function intentOf(name: string, program: string): unknown {
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
                    command: [process.execPath, '-e', program],
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
export async function startBare(): Promise<number> {
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

/** Waits until a node has accepted so many peers. */
export async function acquainted(control: Control, count: number): Promise<void> {
  await until(`${count} peers are known`, async () => {
    const { peers } = (await control.call('GET', '/tributary/v1/status')) as { peers: { phase?: string }[] }
    return peers.filter(({ phase }) => phase === 'Accepted').length >= count
  })
}

/**
 * Hands in an intent.
 * @param name not used before
 * @param program what runs: JavaScript that listens on `PORT` of `POD_IP`
 * @returns where its workload is to be reached, once that is known
 */
export async function handIn(control: Control, name: string, program: string): Promise<string> {
  const found = await urlOf(control, name)
  await control.call('POST', INTENTS, intentOf(name, program))
  return found()
}

/**
 * Hands in an intent, waits for the first answer of its workload, and takes the intent back.
 * @param name not used before
 * @returns milliseconds from handing it in to the answer
 */
export async function runIntent(control: Control, name: string): Promise<number> {
  const found = await urlOf(control, name)
  const start = performance.now()
  await control.call('POST', INTENTS, intentOf(name, PROGRAM))
  const ms = await answered(await found(), start)
  await control.call('DELETE', `${INTENTS}/${name}`)
  await until(`${name} is gone`, async () => {
    const left = await control.call('GET', `${INTENTS}/${name}`)
    return left === undefined && (await control.count(VIRTUAL_NODES)) + (await control.count(PODS)) === 0
  })
  return ms
}

/** @returns what waits for the URL of an intent that is handed in next */
function urlOf(control: Control, name: string): Promise<() => Promise<string>> {
  return control.watch(INTENTS, (object) => {
    const { metadata, status } = object as Intent
    if (metadata.name !== name) return undefined
    if (status?.phase === 'Failed') throw new Error(`${name} failed: ${status.message}`)
    return status?.url
  })
}
