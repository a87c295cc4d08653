import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { sighting, startCatalogTable, type CatalogTable } from '../../test/support/catalog-table.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import { PeeringCandidateKind } from '../objects/peering-candidate.ts'
import { createMemoryStore } from '../store/memory/index.ts'

const MINUTE = 60_000
const p = testIdentity('p').id

let simulation: SimulatedSystem
let store: ObjectStore
let table: CatalogTable
let changes: string[]

async function start(options: Parameters<typeof startCatalogTable>[2] = {}): Promise<void> {
  table = await startCatalogTable(simulation, store, options)
  changes = []
  table.candidates.onChange((change) => {
    changes.push(`${change.type === 'gone' ? change.reason : 'set'} ${change.entry.head.flavorID}`)
  })
}

async function restart(): Promise<void> {
  await table.stop()
  await start()
}

const writes = async (): Promise<number> => Number((await store.list(PeeringCandidateKind)).resourceVersion)
const valid = (): number => table.listing.table.size

beforeEach(async () => {
  simulation = createSimulatedSystem(1)
  store = createMemoryStore({ system: simulation.system }).store
  await start()
})
afterEach(() => table.stop())

/** A store far away: whatever comes out of it is a copy that shares nothing. */
function freshCopies(of: ObjectStore): ObjectStore {
  const copied = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))
  return {
    ...of,
    get: async (kind, key) => copied(await of.get(kind, key)),
    list: async (kind, options) => copied(await of.list(kind, options)),
    create: async (kind, object, options) => copied(await of.create(kind, object, options)),
    update: async (kind, object, options) => copied(await of.update(kind, object, options)),
    watch: (kind, options) => copiedEvents(of.watch(kind, options), copied),
  }
}

async function* copiedEvents<T>(events: AsyncIterable<T>, copied: (event: T) => T): AsyncIterable<T> {
  for await (const event of events) yield copied(event)
}

describe('Peering Candidates', () => {
  it('hold an offer as long as was said, and say when it is over', async () => {
    await table.candidates.take(sighting('p'))
    expect(valid()).toBe(1)
    await simulation.advance(59_000)
    expect(valid()).toBe(1)
    await simulation.advance(2_000)
    expect(valid()).toBe(0)
    expect(changes).toEqual(['set offer', 'expired offer'])
    // Repeated, it is on the table again.
    await table.candidates.take(sighting('p'))
    expect(valid()).toBe(1)
  })

  it('prolong without writing each time, and know after a restart what was written last', async () => {
    await table.candidates.take(sighting('p', {}, { validForMs: 10 * MINUTE }))
    const before = await writes()
    for (let minute = 0; minute < 30; minute++) {
      await simulation.advance(MINUTE)
      expect(table.candidates.extend(p, 'offer', 10 * MINUTE)).toBe(simulation.now() + 10 * MINUTE)
    }
    await simulation.advance(1_500)
    expect((await writes()) - before).toBeLessThanOrEqual(7)
    expect(changes).toEqual(['set offer'])
    await restart()
    expect(valid()).toBe(1)
    await simulation.advance(4 * MINUTE)
    expect(valid()).toBe(1)
    await simulation.advance(7 * MINUTE)
    expect(valid()).toBe(0)
  })

  it.each([true, false])(
    'know an offer again in a fresh copy of its entry (compact: %s)',
    async (compact) => {
      await table.stop()
      store = freshCopies(store)
      await start({ compact })
      await table.candidates.take(sighting('p', {}, { validForMs: 2 * MINUTE }))
      expect(table.candidates.extend(p, 'offer', 10 * MINUTE)).toBe(simulation.now() + 10 * MINUTE)
      await simulation.advance(1_500)
      // Another writer, who knows nothing of how long it holds, touches the entry.
      const [entry] = (await store.list(PeeringCandidateKind)).items
      const validUntil = rfc3339(simulation.now() + MINUTE)
      await store.update(PeeringCandidateKind, { ...entry!, spec: { ...entry!.spec, validUntil } })
      await simulation.advance(100)
      expect(changes).toEqual(['set offer'])
      await simulation.advance(8 * MINUTE)
      expect(valid()).toBe(1)
      await simulation.advance(3 * MINUTE)
      expect(changes).toEqual(['set offer', 'expired offer'])
    },
  )

  it('do not take the same offer for a new one, nor what its owner said for what others say of it', async () => {
    expect(await table.candidates.take(sighting('p'))).toMatchObject({ outcome: 'stored' })
    const before = await writes()
    expect(await table.candidates.take(sighting('p'))).toMatchObject({ outcome: 'refreshed' })
    const hearsay = { teller: 'k2', origin: 'mirrored' } as const
    expect(await table.candidates.take(sighting('p', {}, hearsay))).toMatchObject({ outcome: 'refreshed' })
    expect(await table.candidates.take(sighting('p', { cpu: '8' }, hearsay))).toMatchObject({
      reason: 'replayed',
    })
    expect(await writes()).toBe(before)
    // When the owner has been silent for long, others count.
    await simulation.advance(2 * MINUTE)
    expect(await table.candidates.take(sighting('p', {}, hearsay))).toMatchObject({ outcome: 'replaced' })
    // And the owner's own word comes before theirs at once.
    expect(await table.candidates.take(sighting('p'))).toMatchObject({ outcome: 'replaced' })
    const [entry] = (await store.list(PeeringCandidateKind)).items
    expect(entry!.spec.source!.nodeID).toBe(p)
  })

  it('remember the version of what is gone for a month, across restarts', async () => {
    const version = (revision: number) =>
      sighting('p', { flavorID: `p.org-k8slice-0123abcd-${revision}` }, { validForMs: MINUTE })
    await table.candidates.take(version(5))
    await simulation.advance(60 * MINUTE)
    const [entry] = (await store.list(PeeringCandidateKind)).items
    expect(entry!.spec.advertisement).toBeUndefined()
    await restart()
    expect(await table.candidates.take(version(4))).toMatchObject({ reason: 'replayed' })
    await simulation.advance(20 * 24 * 60 * MINUTE)
    expect(await table.candidates.take(version(4))).toMatchObject({ reason: 'replayed' })
    await simulation.advance(20 * 24 * 60 * MINUTE)
    expect((await store.list(PeeringCandidateKind)).items).toEqual([])
  })

  it('count the offers of a provider right, whatever comes at once', async () => {
    await table.stop()
    await start({ quota: 5 })
    const all = Array.from({ length: 20 }, (_, index) => sighting('p', { flavorID: `o${index}` }))
    const taken = await Promise.all(all.map((each) => table.candidates.take(each)))
    expect(taken.filter(({ outcome }) => outcome === 'stored')).toHaveLength(5)
    expect(await table.candidates.take(sighting('q'))).toMatchObject({ outcome: 'stored' })
    expect(await table.candidates.withdraw(p, () => true)).toBe(5)
    const again = await Promise.all(all.map((each) => table.candidates.take(each)))
    expect(again.filter(({ outcome }) => outcome !== 'rejected')).toHaveLength(5)
  })

  it('take what a catalog pushes for valid while it is heard, and back when it is heard again', async () => {
    const pushed = { teller: 'k2', origin: 'subscribed' } as const
    const k2 = testIdentity('k2').id
    await table.candidates.take(sighting('p', {}, pushed))
    table.candidates.lease(k2, MINUTE)
    await simulation.advance(50_000)
    table.candidates.lease(k2, MINUTE)
    await simulation.advance(50_000)
    expect(valid()).toBe(1)
    await simulation.advance(MINUTE)
    expect(valid()).toBe(0)
    table.candidates.lease(k2, MINUTE)
    expect(valid()).toBe(1)
    // A full account of what it has leaves out what it no longer has.
    await table.candidates.confirm(k2, new Set())
    expect(valid()).toBe(0)
    expect(changes).toEqual(['set offer', 'expired offer', 'set offer', 'withdrawn offer'])
  })

  it('give whole candidates to who buys, however they are stored', async () => {
    await table.candidates.take(sighting('p', { cpu: '7' }))
    const [stored] = (await store.list(PeeringCandidateKind)).items
    expect(stored!.spec.flavor).toBeUndefined()
    const [candidate] = table.candidates.list()
    expect(candidate!.spec.flavor.spec).toMatchObject({
      owner: { nodeID: p },
      flavorType: { typeData: { characteristics: { cpu: '7' } } },
    })
    expect(table.candidates.find(p, 'offer')).toBe(candidate)
    expect(table.candidates.ofFlavor('offer')).toEqual([candidate])
    await table.candidates.forget(p, 'offer')
    expect(table.candidates.list()).toEqual([])
    expect(valid()).toBe(0)
  })

  it('follow what others write into the store', async () => {
    await table.candidates.take(sighting('p'))
    const { name } = (await store.list(PeeringCandidateKind)).items[0]!.metadata
    await store.delete(PeeringCandidateKind, { namespace: 'default', name })
    await simulation.settle()
    expect(valid()).toBe(0)
    expect(changes).toEqual(['set offer', 'withdrawn offer'])
  })
})
