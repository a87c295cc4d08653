/** A real node in a process of its own, as `tributary start` runs it, with a hand on its store. */
import { ALL_KINDS } from '../../src/objects/index.ts'
import { resourceOf } from '../../src/objects/kind.ts'
import type { KubeObject } from '../../src/objects/meta.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { PoolKind, type PoolSpec } from '../../src/objects/pool.ts'
import { startNode, type NodeHandle } from '../../src/start-node.ts'
import { cpuMs, serve } from '../lib/worker.ts'

const WINDOW_MS = 200
const QUIET_WINDOWS = 3

let node: NodeHandle | undefined
const counted = new Map<string, number>()

const running = (): NodeHandle => {
  if (node === undefined) throw new Error('the node was not started')
  return node
}

/** What may be asked of it. */
export const nodeMethods = {
  async start({ directory }: { directory: string }) {
    node = await startNode({ directory })
    const { id, rearAddress, controlUrl } = node
    return { id, rearAddress, controlUrl }
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

  /** @returns the processor time that this process has used, in milliseconds */
  cpuMs,

  /** @returns bytes in memory after everything that can be freed was */
  memory() {
    for (let round = 0; round < 5; round++) globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed }
  },
}

serve(nodeMethods, async () => {
  await node?.stop()
})
