/**
 * A market of nodes in one process: the real program of each, on a simulated clock, network and runner.
 * Nothing else is simulated.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../src/config/index.ts'
import { createLog, silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { createNode, type TributaryNode } from '../../src/node.ts'
import { ledgerOf } from '../../src/available-resources/index.ts'
import { isBalanced } from '../../src/available-resources/index.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { testDomain } from './identities.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { createSimulatedRunner } from './simulated-runner.ts'
import { createSimulatedSystem, type SimulatedSystem } from './simulated-system.ts'

export interface MarketNode {
  readonly node: TributaryNode
  readonly store: ObjectStore
  readonly address: string
  readonly id: string
  /** As with kill -9: nothing is flushed, nobody is told. The store survives. */
  kill(): Promise<void>
  /** Starts the node again on the store that it left. */
  restart(): Promise<void>
}

export interface Market<Name extends string> {
  readonly simulation: SimulatedSystem
  readonly network: SimulatedNetwork
  readonly nodes: Readonly<Record<Name, MarketNode>>
  /** @throws unless in every pool of every node free + held + allocated = capacity */
  expectBalanced(): Promise<void>
  stop(): Promise<void>
}

export type MarketConfig = Omit<Config, 'name' | 'domain' | 'peers'> & { readonly peers?: readonly string[] }

/**
 * @param seed of everything random
 * @param configs one for each node, by name; `peers` are names of other nodes
 */
export async function startMarket<const Name extends string>(
  seed: number,
  configs: Readonly<Record<Name, MarketConfig>>,
): Promise<Market<Name>> {
  const simulation = createSimulatedSystem(seed)
  const level = process.env['MARKET_LOG'] as 'debug' | undefined
  const log = level === undefined ? silentLog : createLog(level)
  const network = createSimulatedNetwork({ system: simulation.named('network'), seed, log })
  const names = Object.keys(configs) as Name[]
  const domain = testDomain('example.org', names, simulation.named('domain'))
  const directory = mkdtempSync(join(tmpdir(), 'tributary-market-'))
  const addressOf = (name: string): string => `${name}.example.org:7000`
  const nodes = {} as Record<Name, MarketNode>
  for (const name of names) {
    const { peers = [], ...config } = configs[name]
    const { identity, membership } = domain.members[name]
    const system = simulation.named(name)
    const store = createMemoryStore({ system })
    let transport = network.transport(identity, addressOf(name))
    const make = (): TributaryNode =>
      createNode({
        config: {
          ...config,
          name,
          domain: { name: 'example.org', authority: domain.authority.id },
          rear: { listen: addressOf(name), advertise: addressOf(name) },
          peers: peers.map((peer) => ({ address: addressOf(peer), id: domain.members[peer as Name].identity.id })),
        },
        directory: join(directory, name),
        identity,
        membership: () => membership,
        store,
        system,
        log,
        transport,
        runner: createSimulatedRunner({ system }),
        control: false,
      })
    let node = make()
    await node.start()
    nodes[name] = {
      get node() {
        return node
      },
      store,
      address: addressOf(name),
      id: identity.id,
      async kill() {
        network.kill(addressOf(name))
        await node.stop()
      },
      async restart() {
        transport = network.transport(identity, addressOf(name))
        node = make()
        await node.start()
      },
    }
  }
  await simulation.settle()
  return {
    simulation,
    network,
    nodes,
    async expectBalanced() {
      for (const name of names) {
        for (const pool of (await nodes[name].store.list(PoolKind)).items) {
          if (!isBalanced(pool)) throw new Error(`${name}: pool ${pool.metadata.name} does not add up: ${JSON.stringify(ledgerOf(pool))}`)
        }
      }
    },
    async stop() {
      for (const name of names) await nodes[name].node.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
