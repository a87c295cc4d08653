/**
 * A real control API on a real port over a memory store, for the tests of it.
 */
import { request as httpRequest } from 'node:http'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { ControlApi, type ControlApiOptions } from '../../src/api/index.ts'
import { TEST_KINDS } from './control-api-kinds.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The decoded text; `undefined` if it is not JSON. */
  readonly json: any
}

export interface TestApi {
  readonly api: ControlApi
  readonly store: ObjectStore
  readonly port: number
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Lines of a stream, parsed, until `close` is called. */
  stream(path: string, headers?: Record<string, string>): Promise<Stream>
}

export interface Stream {
  readonly status: number
  /** The next line, parsed; undefined when the stream has ended. */
  next(): Promise<any>
  close(): void
}

/** Stops when the test is finished. */
export async function serve(
  options: Partial<ControlApiOptions> & { historyLimit?: number } = {},
): Promise<TestApi> {
  const { historyLimit, ...rest } = options
  const store =
    options.store ??
    createMemoryStore({ system: realSystem, ...(historyLimit === undefined ? {} : { historyLimit }) }).store
  const api = new ControlApi({
    store,
    kinds: TEST_KINDS,
    system: realSystem,
    log: silentLog,
    version: '0.0.0',
    listen: { host: '127.0.0.1', port: 0 },
    ...rest,
  })
  await api.start()
  onTestFinished(() => api.stop())
  const { port } = api.address
  return {
    api,
    store,
    port,
    call: (method, path, body, headers = {}) => call(port, method, path, body, headers),
    stream: (path, headers = {}) => stream(port, path, headers),
  }
}

function call(
  port: number,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const payload =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: {
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: tryParse(text) })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

function tryParse(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function stream(port: number, path: string, headers: Record<string, string>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent: false, headers }, (incoming) => {
      const lines = createInterface({ input: incoming })[Symbol.asyncIterator]()
      incoming.on('error', () => undefined)
      resolve({
        status: incoming.statusCode ?? 0,
        async next() {
          const { value, done } = await lines.next()
          return done ? undefined : tryParse(value as string)
        },
        close: () => outgoing.destroy(),
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

export const WIDGETS = '/apis/test.example.com/v1alpha1/namespaces/default/widgets'
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'

export function widget(name: string, spec: object = { replicas: 1 }, metadata: object = {}): object {
  return { apiVersion: 'test.example.com/v1alpha1', kind: 'Widget', metadata: { name, ...metadata }, spec }
}

export function deployment(name: string, containers: readonly object[] = []): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers } },
    },
  }
}
