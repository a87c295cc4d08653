/** Asks a server for paths, over and over, on connections that stay open. */
import { loadMember } from '../lib/bench-domain.ts'
import { createCaller, type Caller } from '../lib/caller.ts'
import { KeepAliveConnection } from '../lib/keep-alive-connection.ts'
import { rateOf, type Rate } from '../lib/statistics.ts'
import { serve } from '../lib/worker.ts'

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
