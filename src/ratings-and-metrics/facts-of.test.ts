import { describe, expect, it } from 'vitest'
import { startLocalRatings } from '../../test/support/local-ratings.ts'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { rfc3339 } from '../kernel/system.ts'
import { ContractKind } from '../objects/contract.ts'
import { FactKind } from '../objects/fact.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { createMemoryStore } from '../store/memory/index.ts'

const DAY_MS = 86_400_000

function prepare() {
  const simulation = createSimulatedSystem(4)
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  /** One life of the component on the same store. */
  const live = async () => {
    const { ratings, stop } = await startLocalRatings(system, store)
    await simulation.settle()
    return { ratings, end: stop }
  }
  const noted = async () =>
    (await store.list(FactKind)).items.map(({ spec }) => `${spec.type} ${spec.about}`).sort()
  const put = async (kind: typeof ContractKind, name: string, spec: object, status: object) => {
    const made = await store.create(kind, { metadata: { namespace: 'default', name }, spec } as never)
    return store.update(kind, { ...made, status } as never, { subresource: 'status' })
  }
  const now = () => rfc3339(simulation.now())
  return { simulation, store, live, noted, put, now }
}

const SALE = { role: 'seller', buyer: { nodeID: 'buyer' }, seller: { nodeID: 'me' } }

describe('facts follow from objects', () => {
  it('once for each event, whatever changes in the object and however often the node starts', async () => {
    const { simulation, store, live, noted, put, now } = prepare()
    const closing = { statement: { closedBy: 'buyer' } }
    const contract = await put(ContractKind, 'c1', SALE, {
      phase: { phase: 'Closing', lastChangeTime: now() },
      closing,
    })
    const reservation = { seller: { nodeID: 'liar' } }
    const failed = {
      phase: { phase: 'Failed', message: 'nonsense', lastChangeTime: now() },
      message: 'invalid-answer',
    }
    await put(ReservationKind as never, 'r1', reservation, failed)
    await put(VirtualNodeKind as never, 'v1', { contractID: 'c2', provider: 'denier' }, { phase: 'Denied' })
    const first = await live()
    const wanted = ['ClosedByBuyer buyer', 'InvalidAnswer liar', 'PeeringFailed denier', 'Purchased buyer']
    expect(await noted()).toEqual(wanted)
    // Both sides closed at once, and the other statement is the one that is kept: it ended only once all the same.
    const other = { phase: { phase: 'Closed', endTime: now() }, closing: { statement: { closedBy: 'me' } } }
    await store.update(ContractKind, { ...contract, status: other } as never, { subresource: 'status' })
    await simulation.settle()
    await first.end()
    const second = await live()
    expect(await noted()).toEqual(wanted)
    await second.end()
  })

  it('but not from what ended long ago: that its fact is gone is the work of retention', async () => {
    const { simulation, live, noted, put, now } = prepare()
    await put(ContractKind, 'c1', SALE, { phase: { phase: 'Expired', endTime: now() } })
    await simulation.advance(8 * DAY_MS)
    const life = await live()
    expect(await noted()).toEqual([])
    await life.end()
  })

  it('and are known to whoever chooses a seller', async () => {
    const { live, put, now } = prepare()
    const life = await live()
    const closed = {
      phase: { phase: 'Closed', endTime: now() },
      closing: { statement: { closedBy: 'other' } },
    }
    const bought = { role: 'buyer', buyer: { nodeID: 'me' }, seller: { nodeID: 'other' } }
    await put(ContractKind, 'c9', bought, closed)
    await expect.poll(() => life.ratings.failedLately('other', 60_000)).toBe('ClosedBySeller')
    await life.end()
  })
})
