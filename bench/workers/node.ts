/** A real node in a process of its own, as `tributary start` runs it, with a hand on its store. */
import { flavorOf } from '../../src/available-resources/index.ts'
import { FLAVOR_SIGNATURE } from '../../src/contract-manager/index.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { resourceOf } from '../../src/objects/kind.ts'
import type { KubeObject } from '../../src/objects/meta.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { PoolKind, type Pool, type PoolSpec } from '../../src/objects/pool.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { flavorTerms, flavorToWire } from '../../src/rear/wire/index.ts'
import { startNode, type NodeHandle } from '../../src/node/start-node.ts'
import { loadMember } from '../lib/bench-domain.ts'
import { percentile } from '../lib/statistics.ts'
import { cpuMs, memoryAfterCollection, serve } from '../lib/worker.ts'

const WINDOW_MS = 200
const QUIET_WINDOWS = 3
const WORK_WINDOW_MS = 5

let directory = ''
let node: NodeHandle | undefined
let watching: NodeJS.Timeout | undefined
let stretches: number[] = []
const counted = new Map<string, number>()

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const running = (): NodeHandle => {
  if (node === undefined) throw new Error('the node was not started')
  return node
}

/** What may be asked of it. */
export const nodeMethods = {
  async start(options: { directory: string }) {
    directory = options.directory
    node = await startNode({ directory })
    const { id, rearAddress, controlSocket } = node
    return { id, rearAddress, controlSocket }
  },

  /** Puts pools into the store and waits until each has its flavor. @returns their flavors' names, by pool */
  async addPools({ pools }: { pools: readonly { readonly name: string; readonly spec: PoolSpec }[] }) {
    const { store, informers } = running().node
    const flavors = informers.of(FlavorKind)
    const wanted = new Set(pools.map(({ name }) => name))
    const found = new Map<string, string>()
    const complete = Promise.withResolvers<void>()
    const end = flavors.onChange(({ type, object }) => {
      const pool = object.spec.poolName ?? ''
      if (type === 'deleted' || !wanted.has(pool)) return
      found.set(pool, object.metadata.name)
      if (found.size === wanted.size) complete.resolve()
    })
    await Promise.all(
      pools.map(({ name, spec }) =>
        store.create(PoolKind, { metadata: { namespace: 'default', name }, spec }),
      ),
    )
    await complete.promise
    end()
    return Object.fromEntries(found)
  },

  /** Puts flavors into the store, as they would be made of such pools, and waits until they are on offer. */
  async addFlavors({ pools }: { pools: readonly { readonly name: string; readonly spec: PoolSpec }[] }) {
    const { store, informers } = running().node
    const { identity, domain } = await loadMember(directory)
    const owner = { domain, nodeID: identity.id, ip: running().rearAddress, additionalInformation: {} }
    await Promise.all(
      pools.map(({ name, spec }) => {
        const made = flavorOf({ metadata: { uid: name }, spec } as Pool, owner)!
        const metadata = { namespace: 'default', name: made.id }
        const { poolName: _poolName, ...rest } = made.spec
        const unsigned = { ...rest, timestamp: new Date().toISOString() }
        const signature = signDocument(flavorTerms(flavorToWire({ metadata, spec: unsigned })), {
          ...FLAVOR_SIGNATURE,
          key: identity.key,
        })
        return store.create(FlavorKind, { metadata, spec: { ...unsigned, signature } })
      }),
    )
    while (informers.of(FlavorKind).list().length < pools.length) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  },

  /** Waits until the node has nothing to do any more. */
  async settle() {
    for (let quiet = 0; quiet < QUIET_WINDOWS;) {
      const before = cpuMs()
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS))
      quiet = cpuMs() - before < WINDOW_MS / 10 ? quiet + 1 : 0
    }
  },

  /** Starts to count what is written, by kind and event. */
  countWrites() {
    const { informers } = running().node
    counted.clear()
    for (const kind of ALL_KINDS) {
      let first = true
      informers.of(kind).onChange(({ type }) => {
        if (first) return
        const name = `${resourceOf(kind)} ${type}`
        counted.set(name, (counted.get(name) ?? 0) + 1)
      })
      first = false
    }
  },

  writes: () => Object.fromEntries(counted),

  /** @returns some object of the kind */
  sample({ resource }: { resource: string }): KubeObject | undefined {
    const kind = ALL_KINDS.find((each) => resourceOf(each) === resource)
    return kind && running().node.informers.of(kind).list()[0]
  },

  /** Begins to watch how much is done at a stretch, while others wait. */
  watchWork() {
    clearInterval(watching)
    stretches = []
    let before = threadMs()
    watching = setInterval(() => {
      const now = threadMs()
      stretches.push(now - before)
      before = now
    }, WORK_WINDOW_MS)
  },

  /**
   * Ends watching. What other programs do does not count.
   * @returns the processor time of this thread, in milliseconds, in windows of 5 ms, or longer where it did not
   *   come up for air
   */
  work() {
    clearInterval(watching)
    return { p99Ms: percentile(stretches, 0.99), mostMs: Math.max(...stretches) }
  },

  /** @returns the processor time that this process has used, in milliseconds */
  cpuMs,

  memory: memoryAfterCollection,
}

serve(nodeMethods, async () => {
  await node?.stop()
})
