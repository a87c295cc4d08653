/**
 * A market of nodes in one process: the real program of each, on a simulated clock, network and runner.
 * Nothing else is simulated.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../src/config/index.ts'
import type { Cluster } from '../../src/fabric/cluster.ts'
import type { Runner } from '../../src/fabric/embedded/index.ts'
import type { Fabric, FabricOptions } from '../../src/fabric/fabric.ts'
import { createLog, silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { createNode } from '../../src/node/create-node.ts'
import { withoutControl, type Parts } from '../../src/node/parts/index.ts'
import type { PeerRole } from '../../src/objects/peer.ts'
import { saveNodeKey } from '../../src/privacy-and-security-manager/index.ts'
import { testDomain, testIdentity, type TestDomain } from './identities.ts'
import { startProcess, passing, type MarketProcess } from './market-process.ts'
import { type MarketStore, marketStoreKind, openMarketStore, type MarketStoreKind } from './market-store.ts'
import type { RemoteFaults, RemoteStore } from './remote-store/index.ts'
import { createSimulatedDatagrams, type SimulatedDatagrams } from './simulated-datagrams.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { createSimulatedRunner } from './simulated-runner.ts'
import { createSimulatedServices, type SimulatedServices } from './simulated-services.ts'
import { createSimulatedSystem, type SimulatedSystem } from './simulated-system.ts'
import { poolFaults, storedPools } from './pools.ts'

export interface MarketNode extends MarketProcess {
  /** What is stored, seen without delay or fault wherever the store is. */
  readonly store: ObjectStore
  /** The node's own connection, where its store is far away. */
  readonly remote: RemoteStore | undefined
  readonly address: string
  readonly id: string
  readonly domain: string
  /** Where its files are: `membership.jwt` among them. */
  readonly directory: string
  /** All processes that share the identity and the store; the node itself is the first. */
  readonly processes: readonly MarketProcess[]
}

export interface Market<Name extends string> {
  readonly simulation: SimulatedSystem
  readonly network: SimulatedNetwork
  readonly nodes: Readonly<Record<Name, MarketNode>>
  /** The local network of those nodes that have `neighbours` in their configuration. */
  readonly localNetwork: SimulatedServices
  readonly datagrams: SimulatedDatagrams
  /** By name: the domains that the nodes belong to, and those that they trust. */
  readonly domains: ReadonlyMap<string, TestDomain>
  /** @returns where the authority of a domain has its key and what it revoked, as `domain init` leaves it */
  authorityDirectory(domain: string): string
  /** @throws unless in every pool of every node free + held + allocated = capacity */
  expectBalanced(): Promise<void>
  stop(): Promise<void>
}

/** Another node of the market in the configuration of one: its name, or with what else is configured of it. */
export type MarketPeer =
  | string
  | {
      readonly node: string
      readonly role?: PeerRole
      readonly accept?: boolean
      /** Of a catalog. */
      readonly subscribe?: boolean
      readonly mirror?: boolean
      /** Whether the configuration names its key; it does unless told otherwise. */
      readonly id?: boolean
    }

export type MarketConfig = Omit<Config, 'name' | 'domain' | 'peers' | 'trustedAuthorities'> & {
  readonly peers?: readonly MarketPeer[]
  /** The domain that the node is a member of, in the role of its configuration; `example.org` unless given. */
  readonly domain?: string
  /** Other domains whose authority it trusts. */
  readonly trusts?: readonly string[]
  /** False for a node that nobody vouches for. */
  readonly member?: boolean
  /** How long its first membership credential lasts, in milliseconds. */
  readonly membershipMs?: number
  /** Whether it holds the key of its domain's authority; a supernode does unless told otherwise. */
  readonly authority?: boolean
  /** The lifetime of the credentials that it renews, `24h` for example; for holders of the authority's key. */
  readonly membershipLifetime?: string
  /** Other domains whose supernodes it tells of the members of its own. */
  readonly introduceTo?: readonly string[]
  /** How many processes of it run on its store, behind one address; 1 unless given. More need a remote store. */
  readonly processes?: number
}

const HOME = 'example.org'

export interface MarketOptions {
  /** Where the nodes keep their objects, each its own; `MARKET_STORE` of the environment, or memory, unless given. */
  readonly store?: MarketStoreKind
  /** What goes wrong on the way to a store that is far away; everyday faults unless given. */
  readonly faults?: Partial<RemoteFaults>
  /** What workloads run in; the embedded fabric with a simulated runner unless given. */
  readonly makeFabric?: (options: FabricOptions, runner: Runner) => Fabric & Cluster
  /** Stages of the nodes in place of the real ones: with a defence taken away, for example. */
  readonly overrides?: Partial<Parts>
}

/**
 * @param seed of everything random
 * @param configs one for each node, by name; `peers` are names of other nodes
 */
export async function startMarket<const Name extends string>(
  seed: number,
  configs: Readonly<Record<Name, MarketConfig>>,
  options: MarketOptions = {},
): Promise<Market<Name>> {
  const kind = options.store ?? marketStoreKind()
  const simulation = createSimulatedSystem(seed)
  const level = process.env['MARKET_LOG'] as 'debug' | undefined
  const log = level === undefined ? silentLog : createLog(level)
  const network = createSimulatedNetwork({ system: simulation.named('network'), seed, log })
  const localNetwork = createSimulatedServices()
  const datagrams = createSimulatedDatagrams()
  const names = Object.keys(configs) as Name[]
  const domainOf = (name: string): string => configs[name as Name].domain ?? HOME
  const addressOf = (name: string): string => `${name}.${domainOf(name)}:7000`
  const domains = new Map(
    [...new Set(names.flatMap((name) => [domainOf(name), ...(configs[name].trusts ?? [])]))].map(
      (domain): [string, TestDomain] => [
        domain,
        testDomain(
          domain,
          names.filter((name) => domainOf(name) === domain),
          simulation.named(`domain ${domain}`),
        ),
      ],
    ),
  )
  const directory = mkdtempSync(join(tmpdir(), 'tributary-market-'))
  const authorityDirectory = (domain: string): string => join(directory, 'authorities', domain)
  for (const { domain, authority } of domains.values()) {
    mkdirSync(authorityDirectory(domain), { recursive: true })
    await saveNodeKey(authority.key, join(authorityDirectory(domain), 'authority.key'))
    writeFileSync(
      join(authorityDirectory(domain), 'authority.json'),
      JSON.stringify({ domain, id: authority.id }),
    )
  }
  const nodes = {} as Record<Name, MarketNode>
  const stores: MarketStore[] = []
  for (const name of names) {
    const own: MarketConfig = configs[name]
    const {
      peers = [],
      domain: _,
      trusts = [],
      member = true,
      membershipMs,
      authority,
      membershipLifetime,
      introduceTo,
      processes: _processes,
      ...config
    } = own
    const domain = domains.get(domainOf(name))!
    const identity = testIdentity(name, simulation.named(name))
    const home = join(directory, name)
    mkdirSync(home)
    const credential = join(home, 'membership.jwt')
    if (member)
      writeFileSync(credential, domain.issue(identity, config.role ?? 'node', membershipMs), { mode: 0o600 })
    const system = simulation.named(name)
    const marketStore = await openMarketStore({
      kind,
      system,
      connection: simulation.named(`${name} connection`),
      log,
      directory: home,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    })
    stores.push(marketStore)
    const count = own.processes ?? 1
    const processes: MarketProcess[] = []
    for (let index = 0; index < count; index++) {
      // Those behind one address have each their own, and files of their own.
      const address = count === 1 ? addressOf(name) : `${name}-${index}.${domainOf(name)}:7000`
      const files = index === 0 ? home : join(directory, `${name}-${index}`)
      if (index > 0) cpSync(home, files, { recursive: true })
      processes.push(
        await startProcess({
          ...{ address, identity, network, simulation, store: marketStore, replicated: count > 1 },
          make({ transport, openedStore, onLost }) {
            const runner = createSimulatedRunner({ system })
            const { makeFabric } = options
            return createNode({
              config: {
                ...config,
                name,
                domain: {
                  name: domain.domain,
                  authority: domain.authority.id,
                  ...(member ? { membership: 'membership.jwt' } : {}),
                  ...((authority ?? config.role === 'supernode')
                    ? { authorityDirectory: authorityDirectory(domain.domain) }
                    : {}),
                  ...(membershipLifetime === undefined ? {} : { membershipLifetime }),
                  ...(introduceTo === undefined ? {} : { introduceTo: [...introduceTo] }),
                },
                trustedAuthorities: Object.fromEntries(
                  trusts.map((each) => [each, [domains.get(each)!.authority.id]]),
                ),
                rear: { listen: address, advertise: addressOf(name), ...config.rear },
                peers: peers.map((each) => {
                  const { node, id = true, ...rest } = typeof each === 'string' ? { node: each } : each
                  return { address: addressOf(node), ...(id ? { id: testIdentity(node).id } : {}), ...rest }
                }),
              },
              directory: files,
              identity,
              openedStore,
              onLost,
              // Two processes of a node roll their dice apart.
              system: index === 0 ? system : simulation.named(`${name} ${index}`),
              log: log.child({ node: name, ...(count === 1 ? {} : { process: index }) }),
              transport,
              runner,
              ...(makeFabric && { makeFabric: (given) => makeFabric(given, runner) }),
              overrides: { control: withoutControl, ...options.overrides },
              ...(config.neighbours === undefined
                ? {}
                : {
                    localDiscovery: {
                      services: localNetwork.opener(`${name}.${domain.domain}`),
                      datagrams: datagrams.opener(addressOf(name)),
                    },
                  }),
            })
          },
        }),
      )
    }
    if (count > 1) {
      network.balance(addressOf(name), () => {
        const active = processes.findIndex(({ node }) => node.process.role === 'active')
        return active < 0 ? undefined : `${name}-${active}.${domainOf(name)}:7000`
      })
    }
    const [first] = processes as [MarketProcess]
    nodes[name] = {
      get node() {
        return first.node
      },
      get writes() {
        return first.writes
      },
      processes,
      store: marketStore.store,
      remote: marketStore.remote,
      address: addressOf(name),
      id: identity.id,
      domain: domain.domain,
      directory: home,
      killAfterWrites: (writes) => first.killAfterWrites(writes),
      kill: () => first.kill(),
      restart: () => first.restart(),
    }
  }
  await simulation.settle()
  return {
    simulation,
    network,
    nodes,
    domains,
    localNetwork,
    datagrams,
    authorityDirectory,
    async expectBalanced() {
      for (const name of names) {
        for (const pool of await storedPools(nodes[name].store)) {
          const faults = poolFaults(pool)
          if (faults.length > 0) throw new Error(`${name}: ${faults.join('; ')}`)
        }
      }
    },
    async stop() {
      // Stopping takes time, too: programs are given some to end.
      await passing(
        simulation,
        Promise.all(names.flatMap((name) => nodes[name].processes.map(({ node }) => node.stop()))),
      )
      await passing(simulation, Promise.all(stores.map((each) => each.close())))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
