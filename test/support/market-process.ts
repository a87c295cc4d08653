/** One process of a node of a simulated market: started, killed and started again, as a supervisor does. */
import type { OpenedStore } from '../../src/kernel/opened-store.ts'
import { isStoreError } from '../../src/kernel/object-store.ts'
import { sleep } from '../../src/kernel/system.ts'
import type { TributaryNode } from '../../src/node/create-node.ts'
import type { Identity } from '../../src/privacy-and-security-manager/index.ts'
import type { Transport } from '../../src/rear/transport/index.ts'
import type { MarketStore } from './market-store.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedSystem } from './simulated-system.ts'

/** One process of a node. Where a node has one, this is the node. */
export interface MarketProcess {
  readonly node: TributaryNode
  /** As with kill -9: nothing is flushed, nobody is told. The store survives. */
  kill(): Promise<void>
  /** As `kill`, in the very moment after so many more writes to its store. Resolves at once; `kill` clears away. */
  killAfterWrites(writes: number): void
  /** How many writes it made since its last start. */
  readonly writes: number
  /** Starts it again on the store that it left; resolves when it acts, or waits while another process does. */
  restart(): Promise<void>
}

/** What a process has for one life. */
export interface ProcessEdges {
  readonly transport: Transport
  readonly openedStore: OpenedStore
  readonly onLost: () => void
}

export interface ProcessOptions {
  readonly address: string
  readonly identity: Identity
  readonly network: SimulatedNetwork
  readonly simulation: SimulatedSystem
  readonly store: MarketStore
  /** Whether it is one of several: then it may have to wait for as long as another acts. */
  readonly replicated: boolean
  readonly make: (edges: ProcessEdges) => TributaryNode
}

/** How long a supervisor waits before it starts what could not be started, in milliseconds. */
const RESTART_MS = 1_000

/** Lets simulated time pass until something is over. */
export async function passing(simulation: SimulatedSystem, work: Promise<unknown>): Promise<void> {
  let over = false
  const done = work.finally(() => (over = true))
  // It is waited for below; until then its failure is nobody's oversight.
  done.catch(() => undefined)
  while (!over) await simulation.advance(50)
  await done
}

export async function startProcess(options: ProcessOptions): Promise<MarketProcess> {
  const { address, identity, network, simulation, store, replicated, make } = options
  const { clock } = simulation.system
  let transport = network.transport(identity, address)
  let { life, openedStore } = store.begin()
  let node: TributaryNode
  /** Whoever was killed is not started again by itself. */
  let dead = false
  /** Starts the node in this life until that succeeds, and again when it lost its place to another process. */
  const supervise = async (): Promise<void> => {
    const mine = life
    const isOver = (): boolean => dead || mine !== life
    for (;;) {
      const onLost = (): void => {
        if (!isOver()) void supervise().catch(() => undefined)
      }
      const made = (node = make({ transport, openedStore, onLost }))
      // Starting takes time where the store is far away, and there alone.
      if (openedStore.exclusive) return made.start()
      try {
        await made.start()
        // The one that acts in the end may be a later one: who could not begin to act is started anew.
        while (!replicated && !isOver() && node.process.role !== 'active') await sleep(clock, 50)
        return
      } catch (error) {
        if (isOver() || !isStoreError(error, 'Unavailable', 'TooManyRequests')) throw error
        await sleep(clock, RESTART_MS)
      }
    }
  }
  const start = (): Promise<void> => (openedStore.exclusive ? supervise() : passing(simulation, supervise()))
  await start()
  return {
    get node() {
      return node
    },
    get writes() {
      return life.writes
    },
    killAfterWrites(writes) {
      life.dieAfter(writes, () => {
        dead = true
        network.kill(address)
      })
    },
    async kill() {
      dead = true
      life.die()
      network.kill(address)
      await passing(simulation, node.stop())
    },
    async restart() {
      dead = false
      transport = network.transport(identity, address)
      ;({ life, openedStore } = store.begin())
      await start()
    },
  }
}
