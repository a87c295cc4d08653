/** A real control API on HTTPS, with tokens, for the tests of who gets in. */
import { request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { AccessTokens, type ControlApiOptions } from '../../src/api/index.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem, type System } from '../../src/kernel/system.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { temporaryFolder } from '../cli/support/run.ts'
import { type Answer, serve, type TestApi } from './control-api.ts'

export interface SecureApi {
  readonly local: TestApi
  readonly tokens: AccessTokens
  readonly url: string
  readonly port: number
  readonly authority: string
  /** Of the node. */
  readonly directory: string
  /** With an admin's token unless the headers say otherwise; `null` sends none. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    token?: string | null,
  ): Promise<Answer>
  /** A watch under a token: its events as they come, until it ends. */
  watch(path: string, token: string): Promise<SecureWatch>
  tokenFor(role: 'admin' | 'viewer', lifetimeMs?: number): Promise<{ name: string; token: string }>
}

export interface SecureWatch {
  readonly status: number
  /** The next event; undefined when the watch has ended. */
  next(): Promise<any>
}

/** Stops when the test is finished. */
export async function serveSecurely(
  options: Partial<ControlApiOptions> = {},
  listen = { host: '127.0.0.1', port: 0 },
  system: System = realSystem,
): Promise<SecureApi> {
  const store = options.store ?? createMemoryStore({ system }).store
  const informers = new Informers({ store, system, log: silentLog })
  const tokens = new AccessTokens({ store, informers, system, log: silentLog })
  await informers.start()
  onTestFinished(() => informers.stop())
  const directory = temporaryFolder()
  const secure = { listen, tokens, directory, nodeName: 'test' }
  const local = await serve({ ...options, system, store, secure })
  const { url, port, authority } = local.api.address.secure!
  const tokenFor: SecureApi['tokenFor'] = async (role, lifetimeMs = 3_600_000) => {
    const { token, object } = await tokens.create({ role, lifetimeMs })
    return { name: object.metadata.name, token }
  }
  const admin = await tokenFor('admin')
  return {
    local,
    tokens,
    url,
    port,
    authority,
    directory,
    tokenFor,
    watch: (path, token) => watchSecurely({ port, authority }, path, token),
    call: (method, path, body, headers = {}, token = admin.token) =>
      callSecurely({ port, authority }, { method, path, body, headers, token }),
  }
}

function callSecurely(
  { port, authority }: { readonly port: number; readonly authority: string },
  {
    method,
    path,
    body,
    headers,
    token,
  }: {
    readonly method: string
    readonly path: string
    readonly body: unknown
    readonly headers: Record<string, string>
    readonly token: string | null
  },
): Promise<Answer> {
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ca: authority,
        // Whatever the Host header of a test says.
        servername: 'localhost',
        agent: false,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      },
      (incoming) => {
        let text = ''
        incoming.on('data', (chunk: Buffer) => (text += chunk.toString()))
        incoming.on('error', reject)
        incoming.on('end', () => {
          let json: unknown
          try {
            json = JSON.parse(text)
          } catch {
            // Some answers are none.
          }
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

function watchSecurely(
  { port, authority }: { readonly port: number; readonly authority: string },
  path: string,
  token: string,
): Promise<SecureWatch> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const options = {
      host: '127.0.0.1',
      port,
      path,
      ca: authority,
      servername: 'localhost',
      agent: false,
      headers,
    }
    const outgoing = httpsRequest(options, (incoming) => {
      const lines = createInterface({ input: incoming })[Symbol.asyncIterator]()
      // How it ends does not matter: the answer may be cut off.
      incoming.on('error', () => undefined)
      onTestFinished(() => void incoming.destroy())
      resolve({
        status: incoming.statusCode ?? 0,
        async next() {
          const { value, done } = await lines.next().catch(() => ({ value: undefined, done: true }))
          return done === true ? undefined : JSON.parse(value as string)
        },
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
