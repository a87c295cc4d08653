/** A node that made and closed very many contracts is as small and starts as fast as a new one. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DealingSummaries } from '../../src/contract-manager/index.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { OpenedStore } from '../../src/kernel/opened-store.ts'
import { Retention } from '../../src/kernel/retention/index.ts'
import { rfc3339 } from '../../src/kernel/system.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { DealingSummaryKind } from '../../src/objects/dealing-summary.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { inDefaultNamespace } from '../../src/objects/meta.ts'
import { DAY_MS, DEFAULT_RETENTION } from '../../src/objects/retention.ts'
import { RatingKind } from '../../src/objects/rating.ts'
import { FactSumming, FactObjects, RatingsAndMetrics } from '../../src/ratings-and-metrics/index.ts'
import type { NodeBase } from '../../src/node-base.ts'
import { Recorder } from '../../src/trace/index.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { openSqliteStore } from '../../src/store/sqlite/index.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../support/simulated-system.ts'

const PARTNERS = 4
/** Shorter than what is usual, so that the test need not live through years. */
const SETTINGS = { ...DEFAULT_RETENTION, contractsMs: 2 * DAY_MS, factsMs: 9 * DAY_MS }
/** In one go: what a node would make in months. */
const BATCH = 400

function contractOf(
  index: number,
  now: number,
): Omit<Contract, 'apiVersion' | 'kind' | 'metadata'> & {
  metadata: { namespace: string; name: string }
} {
  const party = (nodeID: string) => ({ domain: 'd', nodeID, ip: '192.0.2.1:7443' })
  const spec = {
    role: 'seller',
    transactionID: `t-${index}`,
    buyer: party(`partner-${index % PARTNERS}`),
    buyerClusterID: 'c',
    seller: party('me'),
    peeringTargetCredentials: { liqoID: '', kubeconfig: '' },
    expirationTime: rfc3339(now),
    price: { amount: '1', currency: 'EUR', period: 'hour' },
    document: {
      contractID: `contract-${index}`,
      flavor: { text: 'x'.repeat(500) },
      signatures: 'y'.repeat(200),
    },
    flavor: {
      metadata: { name: 'f' },
      spec: {
        providerID: 'me',
        flavorType: {
          typeIdentifier: 'K8Slice',
          typeData: { characteristics: { cpu: '4' }, text: 'x'.repeat(500) },
        },
        owner: party('me'),
        price: { amount: '1', currency: 'EUR', period: 'hour' },
        availability: true,
      },
    },
  } as unknown as Contract['spec']
  const phase = { phase: 'Expired', startTime: rfc3339(now - 3_600_000), endTime: rfc3339(now) }
  return { metadata: inDefaultNamespace(`contract-${index}`), spec, status: { phase } }
}

async function makeAndClose({ store }: OpenedStore, from: number, count: number, now: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, offset) => {
      const index = from + offset
      const { status, ...made } = contractOf(index, now)
      const contract = await store.create(ContractKind, made, { deferrable: true })
      // What is to be noted of it, Ratings and Metrics sees by itself.
      const options = { subresource: 'status', deferrable: true } as const
      await store.update(ContractKind, { ...contract, ...(status ? { status } : {}) }, options)
    }),
  )
}

/** What a node that starts reads. */
async function objectsIn({ store }: OpenedStore): Promise<Readonly<Record<string, number>>> {
  const counts = await Promise.all(
    ALL_KINDS.map(async (kind) => [kind.kind, (await store.list(kind)).items.length] as const),
  )
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

async function live(opened: OpenedStore, simulation: SimulatedSystem, contracts: number): Promise<void> {
  const { system } = simulation
  const { store } = opened
  const informers = new Informers({ store, system, log: silentLog })
  const facts = new FactObjects({ store, informers, system, log: silentLog })
  const recorder = new Recorder({ system, node: 'me', sinks: [facts] })
  const base = { store, informers, system, log: silentLog, recorder } as unknown as NodeBase
  const ratings = new RatingsAndMetrics({ ...base, facts })
  const sums = [
    new DealingSummaries({ store }),
    new FactSumming({ store, informers, system, keptMs: SETTINGS.factsMs }),
  ]
  const settings = SETTINGS
  const retention = new Retention({
    store,
    informers,
    system,
    log: silentLog,
    kinds: ALL_KINDS,
    settings,
    sums,
  })
  await informers.start()
  await ratings.start()
  await retention.start()
  for (let made = 0; made < contracts; made += BATCH) {
    const making = makeAndClose(opened, made, Math.min(BATCH, contracts - made), system.clock.now())
    // What may wait is written when time passes.
    await simulation.advance(10_000)
    await making
  }
  // Until the last fact is no longer kept one by one.
  await simulation.advance(SETTINGS.contractsMs + DAY_MS)
  expect((await store.list(ContractKind)).items).toEqual([])
  await simulation.advance(SETTINGS.factsMs)
  await retention.stop()
  await ratings.stop()
  await informers.stop()
}

describe('a node that made and closed many contracts', () => {
  // As many as a test has time for; CLOSED_CONTRACTS=100000 makes more.
  const MANY = Number(process.env['CLOSED_CONTRACTS'] ?? 2_000)

  it('holds as many objects as one that made a few, and has lost count of none', async () => {
    const simulation = createSimulatedSystem(3)
    const opened = createMemoryStore({ system: simulation.system })
    await live(opened, simulation, MANY)
    expect(await objectsIn(opened)).toEqual({ DealingSummary: PARTNERS, Rating: PARTNERS })
    const summaries = (await opened.store.list(DealingSummaryKind)).items
    const sold = summaries.map(({ status }) => status!.sold!)
    expect(sold.reduce((sum, { contracts }) => sum + contracts, 0)).toBe(MANY)
    expect(sold.map(({ cost }) => cost)).toEqual(sold.map(({ contracts }) => ({ EUR: String(contracts) })))
    const ratings = (await opened.store.list(RatingKind)).items
    expect(ratings.reduce((sum, { status }) => sum + status!.facts, 0)).toBe(MANY * 2)
    for (const object of [...summaries, ...ratings]) expect(JSON.stringify(object).length).toBeLessThan(8_000)
  }, 60_000)

  it('reads as little when it starts, from a file that does not grow from round to round', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'retention-'))
    const path = join(directory, 'store.db')
    try {
      const simulation = createSimulatedSystem(4)
      const { system } = simulation
      const sizes: number[] = []
      for (let round = 0; round < 3; round++) {
        const opened = await openSqliteStore({ path, system, log: silentLog })
        await live(opened, simulation, 300)
        expect(await objectsIn(opened)).toEqual({ DealingSummary: PARTNERS, Rating: PARTNERS })
        await opened.store.close()
        sizes.push(statSync(path).size)
      }
      // The room of what was removed is used again.
      expect(sizes[2]).toBeLessThanOrEqual(sizes[0]! * 1.1)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }, 60_000)
})
