/**
 * A node's embedded cluster with everything that it needs around it, on a memory store.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedFabric, type Runner } from '../../src/fabric/embedded/index.ts'
import type { Cluster } from '../../src/fabric/cluster.ts'
import type { Amounts, Fabric, FabricOptions, SoldSlice } from '../../src/fabric/fabric.ts'
import type { Channel } from '../../src/kernel/channel.ts'
import { GarbageCollector } from '../../src/store/garbage-collector.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem, type System } from '../../src/kernel/system.ts'
import { CORE_KINDS } from '../../src/objects/core/index.ts'
import type { Container } from '../../src/objects/core/pod-spec.ts'
import { DEFAULT_GUESTS, type GuestSettings } from '../../src/objects/guests.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'

export interface EmbeddedNode {
  readonly fabric: Fabric & Cluster
  readonly store: ObjectStore
  readonly directory: string
  readonly sold: Map<string, SoldSlice>
  readonly channels: Map<string, Channel>
  /** Ends the fabric as an orderly shutdown does; the store stays. */
  stop(): Promise<void>
  /** Stops and removes the directory. */
  close(): Promise<void>
}

export interface EmbeddedNodeOptions {
  readonly name: string
  readonly system?: System
  readonly runner?: Runner
  readonly allowWorkloads?: boolean
  /** Ordinary processes unless given. */
  readonly guests?: GuestSettings
  readonly capacity?: Amounts
  /** Of an earlier life. */
  readonly store?: ObjectStore
  readonly directory?: string
  readonly sold?: Map<string, SoldSlice>
  readonly channels?: Map<string, Channel>
  /** What stands around the embedded fabric; nothing unless given. */
  readonly wrap?: (embedded: EmbeddedFabric, options: FabricOptions) => Fabric & Cluster
}

export async function startEmbeddedNode(options: EmbeddedNodeOptions): Promise<EmbeddedNode> {
  const { name, system = realSystem, runner, allowWorkloads = true } = options
  const { capacity = { cpu: '4', memory: '8Gi' } } = options
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), `tributary-${name}-`)))
  const store = options.store ?? createMemoryStore({ system }).store
  const informers = new Informers({ store, system, log: silentLog })
  const sold = options.sold ?? new Map<string, SoldSlice>()
  const channels = options.channels ?? new Map<string, Channel>()
  const collector = new GarbageCollector({ informers, store, system, kinds: CORE_KINDS, log: silentLog })
  const given: FabricOptions = {
    store,
    informers,
    system,
    log: silentLog,
    nodeName: name,
    directory,
    capacity,
    allowWorkloads,
    // Everything here is the same user's.
    guests: options.guests ?? { ...DEFAULT_GUESTS, runner: 'process', unisolated: true },
    contracts: { sold: (id) => sold.get(id) },
    channels: (id) => channels.get(id),
    version: 'v0.0.0-test',
  }
  const embedded = new EmbeddedFabric({ ...given, ...(runner && { runner }) })
  const fabric = options.wrap?.(embedded, given) ?? embedded
  await informers.start()
  await collector.start()
  await fabric.start()
  const stop = async (): Promise<void> => {
    await fabric.stop()
    await collector.stop()
    await informers.stop()
  }
  return {
    fabric,
    store,
    directory,
    sold,
    channels,
    stop,
    async close() {
      await stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A program that answers each TCP connection with a text, on the port that it declares. */
export function tcpServer(name: string, port = 8080, text = 'hello'): Container {
  const script = `
    require('node:net')
      .createServer((socket) => socket.end(${JSON.stringify(text)}))
      .listen(${port}, process.env.POD_IP, () => console.log('listening on', process.env.POD_IP))`
  return { name, command: ['node', '-e', script], ports: [{ containerPort: port }] }
}

/** A program that does nothing until it is asked to end, and ends at once then. */
export function idle(name: string): Container {
  return { name, command: ['sh', '-c', 'echo started; trap "exit 0" TERM; sleep 100000 & wait'] }
}
