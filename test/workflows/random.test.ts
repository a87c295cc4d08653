/**
 * A market in which everything happens at once: intents, kills, restarts, loss, duplication, partitions, all from
 * a seed. Pools add up at every instant; when it comes to rest, nothing contradicts anything.
 *
 * More seeds: `MARKET_SEEDS=100-200 npm test -- test/workflows/random`.
 */
import { describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import { CONSUMER, deployment, intent, provider } from '../support/scenario.ts'
import { randomFrom } from '../support/simulated-system.ts'

const [FIRST, LAST] = (process.env['MARKET_SEEDS'] ?? '1-8').split('-').map(Number) as [number, number]
const LASTS_MS = 60_000
const ALL = ['sa', 'a1', 'a2', 'a3', 'sb', 'b1', 'b2', 'b3'] as const
type Name = (typeof ALL)[number]

function configs(): Record<Name, MarketConfig> {
  const a = { domain: 'a.example', trusts: ['b.example'], contracts: { hold: '20s' } }
  const b = { domain: 'b.example', trusts: ['a.example'], contracts: { hold: '20s' } }
  return {
    sa: { ...a, role: 'supernode', peers: ['sb'] },
    a1: { ...CONSUMER, ...a, peers: ['sa', 'a2'] },
    a2: { ...provider('3', '1'), ...a, peers: ['sa'] },
    a3: { ...provider('2', '2'), ...a, peers: ['sa', 'a2'] },
    sb: { ...provider('2', '4'), ...b, role: 'supernode', peers: ['sa'], supernode: { margin: '5%' } },
    b1: { ...provider('4', '1.5'), ...b, peers: ['sb'] },
    b2: { ...CONSUMER, ...b, peers: ['sb', 'b1'] },
    b3: { ...provider('1', '0.5'), ...b, peers: ['sb'] },
  }
}

/** Nodes of different domains reach each other through their supernodes only. */
function reaches(one: Name, other: Name): boolean {
  return (
    one[0] === other[0] ||
    (one.startsWith('s') && other.startsWith('s')) ||
    one[1] === other[0] ||
    other[1] === one[0]
  )
}

class Chaos {
  readonly #market: Market<Name>
  readonly #bytes: ReturnType<typeof randomFrom>
  readonly #dead = new Set<Name>()
  readonly #cut = new Set<string>()
  readonly log: string[] = []
  #count = 0

  constructor(market: Market<Name>, seed: number) {
    this.#market = market
    this.#bytes = randomFrom(seed * 7919)
  }

  /** @returns a whole number from 0 to `below - 1` */
  random(below: number): number {
    return Buffer.from(this.#bytes.bytes(4)).readUInt32LE() % below
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.random(of.length)]!
  }

  async step(): Promise<void> {
    const actions: readonly [number, () => Promise<void> | void][] = [
      [8, () => this.#submit()],
      [5, () => this.#takeBack()],
      [2, () => this.#change()],
      [2, () => this.#closeBySeller()],
      [3, () => this.#kill()],
      [4, () => this.#revive()],
      [2, () => this.#cutLink()],
      [3, () => this.#heal()],
      [2, () => this.#weather()],
    ]
    let at = this.random(actions.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, act] of actions) {
      at -= weight
      if (at < 0) return act()
    }
  }

  /** Everything is well again; what goes on by itself may go on. */
  async calm(): Promise<void> {
    this.#market.network.setFaults({ latencyMs: 2, jitterMs: 0, loss: 0, duplication: 0 })
    for (const link of this.#cut) this.#market.network.heal(...(link.split(' ') as [string, string]))
    for (const name of ALL) {
      // Some died in the middle of a write, unseen.
      await this.#market.nodes[name].kill()
      await this.#market.nodes[name].restart()
    }
    this.#dead.clear()
  }

  #alive(): readonly Name[] {
    return ALL.filter((name) => !this.#dead.has(name))
  }

  async #submit(): Promise<void> {
    const name = this.#pick(this.#alive())
    const cpu = this.#pick(['200m', '500m', '1', '1500m', '2'])
    const job = `job-${this.#count++}`
    const onFailure = this.#pick(['Keep', 'Stop', 'Replace'] as const)
    const more = {
      onFailure,
      placement: this.#pick(['Any', 'Any', 'Remote'] as const),
      duration: this.#pick(['24h', '24h', '30s']),
      ...(this.random(4) === 0 ? { workload: [deployment(job, cpu), deployment(`${job}-b`, '500m')] } : {}),
    }
    this.log.push(`${name}: ${job} ${cpu} ${JSON.stringify({ ...more, workload: undefined })}`)
    await this.#market.nodes[name].store.create(IntentKind, intent(job, cpu, more))
  }

  async #takeBack(): Promise<void> {
    const name = this.#pick(this.#alive())
    const { store } = this.#market.nodes[name]
    const intents = (await store.list(IntentKind)).items
    if (intents.length === 0) return
    const { metadata } = this.#pick(intents)
    this.log.push(`${name}: delete ${metadata.name}`)
    await store.delete(IntentKind, metadata)
  }

  async #change(): Promise<void> {
    const name = this.#pick(this.#alive())
    const { store } = this.#market.nodes[name]
    const intents = (await store.list(IntentKind)).items.filter((each) => !each.metadata.deletionTimestamp)
    if (intents.length === 0) return
    const before = this.#pick(intents)
    const cpu = this.#pick(['500m', '1'])
    this.log.push(`${name}: change ${before.metadata.name} to ${cpu}`)
    const workload = [deployment(before.metadata.name, cpu)]
    await store.update(IntentKind, { ...before, spec: { ...before.spec, workload } })
  }

  async #closeBySeller(): Promise<void> {
    const name = this.#pick(this.#alive())
    const node = this.#market.nodes[name]
    const contracts = await activeContracts(node)
    if (contracts.length === 0) return
    const { metadata } = this.#pick(contracts)
    this.log.push(`${name}: delete ${metadata.name}`)
    await node.store.delete(ContractKind, metadata)
  }

  async #kill(): Promise<void> {
    if (this.#dead.size >= 3) return
    const name = this.#pick(this.#alive())
    if (this.random(2) === 0) {
      const writes = 1 + this.random(20)
      this.log.push(`${name}: dies after ${writes} writes`)
      this.#market.nodes[name].killAfterWrites(writes)
    } else {
      this.log.push(`${name}: killed`)
      await this.#market.nodes[name].kill()
    }
    this.#dead.add(name)
  }

  async #revive(): Promise<void> {
    const name = [...this.#dead][0]
    if (name === undefined) return
    this.log.push(`${name}: back`)
    this.#dead.delete(name)
    await this.#market.nodes[name].kill()
    await this.#market.nodes[name].restart()
  }

  #cutLink(): void {
    const one = this.#pick(ALL)
    const other = this.#pick(ALL.filter((name) => name !== one && reaches(one, name)))
    const { nodes, network } = this.#market
    this.log.push(`cut ${one} ${other}`)
    network.partition(nodes[one].address, nodes[other].address)
    this.#cut.add(`${nodes[one].address} ${nodes[other].address}`)
  }

  #heal(): void {
    const [link] = this.#cut
    if (link === undefined) return
    this.log.push(`heal ${link}`)
    this.#market.network.heal(...(link.split(' ') as [string, string]))
    this.#cut.delete(link)
  }

  #weather(): void {
    const faults = {
      latencyMs: this.random(30),
      jitterMs: this.random(50),
      loss: this.random(4) === 0 ? this.random(20) / 100 : 0,
      duplication: this.random(3) === 0 ? this.random(30) / 100 : 0,
    }
    this.log.push(`weather ${JSON.stringify(faults)}`)
    this.#market.network.setFaults(faults)
  }
}

/** @returns what is wrong and stays wrong: something always begins or ends in a market with short contracts */
async function lastingContradictions(market: Market<Name>): Promise<readonly string[]> {
  let wrong = await contradictions(market)
  for (let seconds = 0; wrong.length > 0 && seconds < 120; seconds++) {
    await market.simulation.advance(1_000)
    wrong = await contradictions(market)
  }
  return wrong
}

/** @returns what is left of pools after everything was taken back, and which contracts there are */
async function leftovers(market: Market<Name>): Promise<readonly string[]> {
  const left: string[] = []
  for (const [name, node] of Object.entries(market.nodes)) {
    for (const contract of await activeContracts(node))
      left.push(`${name}: ${contract.metadata.name} is in force`)
    for (const { status, spec } of (await node.store.list(PoolKind)).items)
      if (JSON.stringify(status!.free) !== JSON.stringify(spec.capacity))
        left.push(`${name}: pool is not whole`)
    for (const { metadata } of (await node.store.list(IntentKind)).items)
      left.push(`${name}: ${metadata.name} stays`)
  }
  return left
}

describe('a market in which everything happens at once', () => {
  for (let seed = FIRST; seed <= LAST; seed++) {
    it(`contradicts itself nowhere (seed ${seed})`, { timeout: 120_000 }, async () => {
      const market = await startMarket(seed, configs())
      const chaos = new Chaos(market, seed)
      try {
        for (const one of ALL) {
          for (const other of ALL) {
            if (one < other && !reaches(one, other))
              market.network.partition(market.nodes[one].address, market.nodes[other].address)
          }
        }
        await market.simulation.advance(2_000)
        const end = market.simulation.now() + LASTS_MS
        while (market.simulation.now() < end) {
          await chaos.step()
          await market.simulation.advance(50 + chaos.random(900))
          await market.expectBalanced()
        }
        await chaos.calm()
        await market.simulation.advance(8 * 60_000)
        expect(await lastingContradictions(market)).toEqual([])

        for (const node of Object.values(market.nodes)) {
          for (const { metadata } of (await node.store.list(IntentKind)).items)
            await node.store.delete(IntentKind, metadata)
        }
        await market.simulation.advance(5 * 60_000)
        expect(await leftovers(market)).toEqual([])
        expect(await lastingContradictions(market)).toEqual([])
      } catch (error) {
        ;(error as Error).message += `\nWhat happened with seed ${seed}:\n${chaos.log.join('\n')}`
        throw error
      } finally {
        await market.stop()
      }
    })
  }
})
