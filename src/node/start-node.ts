/** Starts a node on a real machine, from its directory: configuration, key, database, TLS. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../config/index.ts'
import { bonjourServices, openMulticastSocket } from '../discovery-manager/index.ts'
import { createLog, type Log } from '../kernel/log.ts'
import type { OpenedStore } from '../kernel/opened-store.ts'
import { realSystem } from '../kernel/system.ts'
import { createNode, type TributaryNode } from './create-node.ts'
import { createIdentity, createSealer, loadNodeKey } from '../privacy-and-security-manager/index.ts'
import { createTlsTransport } from '../rear/transport/index.ts'
import { openSqliteStore } from '../store/sqlite/index.ts'

export interface NodeHandle {
  readonly name: string
  readonly id: string
  readonly rearAddress: string
  readonly controlSocket: string
  readonly controlUrl: string
  readonly node: TributaryNode
  /**
   * Resolves when this process acted for the node and may not any more, because another process does. All has stopped
   * then that acted; what is left is to stop, and to be started anew. Never where no other process can have the store.
   */
  readonly lost: Promise<void>
  /** Graceful; idempotent. */
  stop(): Promise<void>
}

/** What a running node leaves in its directory for the command line. */
export interface RunningEndpoints {
  readonly pid: number
  /** Path of the socket of the control API: who can open it may do everything. */
  readonly controlSocket: string
  /** Where the control API is for those who have a token: `https://…` */
  readonly controlUrl: string
  readonly rearAddress: string
  readonly id: string
  readonly name: string
}

/** @returns the file in which a running node says where it listens */
export const endpointsFile = (directory: string): string => join(directory, 'run', 'endpoints.json')

/**
 * @param options.directory made by `tributary init`
 * @throws ConfigError, KeyFileError, StoreError (another process runs this node), TransportError (the port is taken)
 */
export async function startNode(options: {
  readonly directory: string
  readonly log?: Log
  /** The store of the node; the database file of the directory unless given. */
  readonly openStore?: () => Promise<OpenedStore>
}): Promise<NodeHandle> {
  const { directory } = options
  const config = loadConfig(directory)
  const system = realSystem
  const log = options.log ?? createLog(config.log?.level ?? 'info', { node: config.name })
  const key = await loadNodeKey(join(directory, 'node.key'))
  const identity = createIdentity({ key, system, name: config.name })
  const sealer = createSealer(key, system.random)
  const path = join(directory, 'data', 'tributary.db')
  const openStore = options.openStore ?? (() => openSqliteStore({ path, system, log, sealer }))
  const openedStore = await openStore()
  const transport = createTlsTransport({ identity, system, log })
  const file = endpointsFile(directory)
  const cleanUp = async (): Promise<void> => {
    rmSync(file, { force: true })
    await transport.close()
    await openedStore.store.close()
  }
  const { promise: lost, resolve: onLost } = Promise.withResolvers<void>()
  const node = createNode({
    onLost,
    config,
    directory,
    identity,
    openedStore,
    system,
    log,
    transport,
    localDiscovery: { services: bonjourServices({ system }), datagrams: openMulticastSocket },
  })
  try {
    await node.start()
    const endpoints: RunningEndpoints = {
      pid: process.pid,
      controlSocket: node.control.socket,
      controlUrl: node.control.secure?.url ?? '',
      rearAddress: node.rearAddress,
      id: node.id,
      name: node.name,
    }
    mkdirSync(join(directory, 'run'), { recursive: true })
    writeFileSync(file, `${JSON.stringify(endpoints, null, 2)}\n`)
    let stopping: Promise<void> | undefined
    return {
      ...endpoints,
      node,
      lost,
      stop: () => (stopping ??= node.stop().finally(cleanUp)),
    }
  } catch (error) {
    await cleanUp()
    throw error
  }
}
