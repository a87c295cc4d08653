/** Asks a server for paths, over and over, on connections that stay open. */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadMember } from '../lib/bench-domain.ts'
import { createCaller, type Caller } from '../lib/caller.ts'
import { KeepAliveConnection } from '../lib/keep-alive-connection.ts'
import { rateOf, type Rate } from '../lib/statistics.ts'
import { serve } from '../lib/worker.ts'

/** More than answers can be late. */
const STEADY_CONNECTIONS = 256

const connections = new Map<number, KeepAliveConnection[]>()
const requests = new Map<string, readonly Buffer[]>()
let caller: Caller | undefined

async function connectionsTo(port: number, directory: string, count: number): Promise<KeepAliveConnection[]> {
  // Servers close what was idle for long.
  const open = (connections.get(port) ?? []).filter(({ closed }) => !closed)
  connections.set(port, open)
  if (open.length < count) {
    const { identity } = await loadMember(directory)
    while (open.length < count) open.push(await KeepAliveConnection.open(port, identity))
  }
  return open.slice(0, count)
}

/** What may be asked of it. */
export const loadMethods = {
  /** Makes the member known to a node. */
  async introduce({ directory, address, id }: { directory: string; address: string; id: string }) {
    caller = await createCaller(directory, { address, id })
    await caller.close()
  },

  /** Keeps paths under a name. */
  prepare({ name, paths }: { name: string; paths: readonly string[] }) {
    requests.set(
      name,
      paths.map((path) => KeepAliveConnection.get(path)),
    )
  },

  /** @throws Error unless each of the first paths under a name is answered with so many flavors */
  async check(options: { directory: string; port: number; name: string; count: number; matches: number }) {
    const [connection] = await connectionsTo(options.port, options.directory, 1)
    for (const request of requests.get(options.name)!.slice(0, options.count)) {
      const { status, body } = await connection!.send(request)
      const found = status === 200 ? (JSON.parse(body.toString()) as unknown[]).length : -1
      if (found !== options.matches)
        throw new Error(`${found} flavors, not ${options.matches} (HTTP ${status})`)
    }
  },

  /**
   * Asks for the next path `perSecond` times a second, whether what was asked before is answered or not: what holds
   * up the server for a while shows in all the answers that were due meanwhile.
   */
  async measureSteady(options: {
    directory: string
    port: number
    name: string
    perSecond: number
    durationMs: number
  }): Promise<Rate> {
    const { directory, port, name, perSecond, durationMs } = options
    const idle = [...(await connectionsTo(port, directory, STEADY_CONNECTIONS))]
    const all = requests.get(name)!
    const times: number[] = []
    const running: Promise<void>[] = []
    const start = performance.now()
    for (;;) {
      const due = (running.length / perSecond) * 1_000
      if (due >= durationMs) break
      await sleep(Math.max(0, due - (performance.now() - start)))
      const connection = idle.shift()
      if (!connection) throw new Error(`${STEADY_CONNECTIONS} answers are late`)
      const sent = performance.now()
      const request = all[running.length % all.length]!
      running.push(
        connection.send(request).then(({ status }) => {
          if (status !== 200) throw new Error(`HTTP ${status}`)
          times.push(performance.now() - sent)
          idle.push(connection)
        }),
      )
    }
    await Promise.all(running)
    return rateOf(times, performance.now() - start)
  },

  /** Each of `clients` asks for the next path as soon as it has its answer. */
  async measure(options: {
    directory: string
    port: number
    name: string
    clients: number
    durationMs: number
  }): Promise<Rate> {
    const { directory, port, name, clients, durationMs } = options
    const open = await connectionsTo(port, directory, clients)
    const all = requests.get(name)!
    const times: number[] = []
    let next = 0
    const start = performance.now()
    const end = start + durationMs
    await Promise.all(
      open.map(async (connection) => {
        for (let now = performance.now(); now < end;) {
          const { status } = await connection.send(all[next++ % all.length]!)
          if (status !== 200) throw new Error(`HTTP ${status}`)
          const then = performance.now()
          times.push(then - now)
          now = then
        }
      }),
    )
    return rateOf(times, performance.now() - start)
  },
}

serve(loadMethods, async () => {
  for (const open of connections.values()) for (const connection of open) connection.close()
})
