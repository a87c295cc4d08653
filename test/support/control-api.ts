/**
 * A real control API over a memory store, reached through its socket: for the tests of it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  /** Path of the socket that it is reached through. */
  readonly socket: string
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
  const folder = mkdtempSync(join(tmpdir(), 'tributary-api-'))
  const api = new ControlApi({
    store,
    kinds: TEST_KINDS,
    system: realSystem,
    log: silentLog,
    version: '0.0.0',
    socket: join(folder, 'control.sock'),
    ...rest,
  })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await api.start()
  onTestFinished(() => api.stop())
  const { socket } = api.address
  return {
    api,
    store,
    socket,
    call: (method, path, body, headers = {}) => call(socket, method, path, body, headers),
    stream: (path, headers = {}) => stream(socket, path, headers),
  }
}

function call(
  socketPath: string,
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
        socketPath,
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

function stream(socketPath: string, path: string, headers: Record<string, string>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath, path, agent: false, headers }, (incoming) => {
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
