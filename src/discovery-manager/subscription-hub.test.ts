import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sighting, startCatalogTable } from '../../test/support/catalog-table.ts'
import { testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import type { Audience } from '../rear/audience.ts'
import { ANY_FLAVOR, type Selector } from '../rear/wire/index.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { SubscriptionHub } from './subscription-hub.ts'

interface Answer {
  readonly next: string
  readonly reset?: boolean
  readonly listing?: string
  readonly events: readonly { type: string; flavorID?: string; flavor?: { flavorID: string; type: object } }[]
}

async function begin(simulation: SimulatedSystem, options: { history?: number; pageSize?: number } = {}) {
  const { store } = createMemoryStore({ system: simulation.system })
  const table = await startCatalogTable(simulation, store)
  const hub = new SubscriptionHub({ ...table.base, listing: table.listing, ...options })
  await hub.start()
  const poll = async (
    since?: string,
    more: {
      waitMs?: number
      selector?: Selector
      audience?: Audience
      peer?: string
      signal?: AbortSignal
    } = {},
  ): Promise<Answer> => {
    const body = await hub.poll({
      since,
      waitMs: 0,
      selector: ANY_FLAVOR,
      audience: 'public',
      peer: 'peer',
      signal: new AbortController().signal,
      ...more,
    })
    return JSON.parse(body.toString()) as Answer
  }
  return { ...table, hub, poll, stop: () => Promise.all([hub.stop(), table.stop()]) }
}

/** What a subscriber knows, brought up to date by one answer. */
function applied(
  known: Map<string, object>,
  told: Set<string> | undefined,
  answer: Answer,
): Set<string> | undefined {
  let confirmed = answer.reset === true ? new Set<string>() : told
  for (const { type, flavor, flavorID } of answer.events) {
    if (type === 'refreshed') {
      known.set(flavor!.flavorID, flavor!.type)
      confirmed?.add(flavor!.flavorID)
    } else {
      known.delete(flavorID!)
    }
  }
  if (answer.listing === 'complete' && confirmed) {
    for (const name of known.keys()) if (!confirmed.has(name)) known.delete(name)
    confirmed = undefined
  }
  return confirmed
}

describe('SubscriptionHub', () => {
  it('loses nothing, however much changes between two questions, and however little is remembered', async () => {
    const change = fc.oneof(
      fc.record({ offer: fc.integer({ min: 0, max: 12 }), cpu: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ withdraw: fc.integer({ min: 0, max: 12 }) }),
      fc.constant('poll' as const),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 30, maxLength: 80 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, history) => {
          const simulation = createSimulatedSystem(1)
          const node = await begin(simulation, { history, pageSize: 3 })
          const { id } = testIdentity('p')
          const known = new Map<string, object>()
          let told: Set<string> | undefined
          let since: string | undefined
          let at = simulation.now()
          const poll = async (): Promise<Answer> => {
            const answer = await node.poll(since)
            told = applied(known, told, answer)
            since = answer.next
            return answer
          }
          for (const step of steps) {
            if (step === 'poll') await poll()
            else if ('offer' in step) {
              at += 1_000
              await simulation.advance(1_000)
              const shape = { flavorID: `o${step.offer}`, cpu: String(step.cpu), at }
              await node.candidates.take(sighting('p', shape, { validForMs: 10_000 }))
            } else await node.candidates.withdraw(id, (flavorID) => flavorID === `o${step.withdraw}`)
          }
          for (let answer = await poll(); answer.events.length > 0 || answer.listing !== undefined;)
            answer = await poll()
          const listed = JSON.parse(
            Buffer.concat(node.listing.table.select(ANY_FLAVOR, 'public').body).toString(),
          ) as {
            flavorID: string
            type: object
          }[]
          expect(new Map([...known].sort())).toEqual(
            new Map(listed.map(({ flavorID, type }) => [flavorID, type] as const).sort()),
          )
          await node.stop()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('answers who waits as soon as there is something, and only then', async () => {
    const simulation = createSimulatedSystem(2)
    const node = await begin(simulation)
    const { next } = await node.poll()
    let answer: Answer | undefined
    void node.poll(next, { waitMs: 30_000 }).then((got) => (answer = got))
    await simulation.advance(10_000)
    expect(answer).toBeUndefined()
    await node.candidates.take(sighting('p'))
    await simulation.advance(50)
    expect(answer!.events).toMatchObject([{ type: 'refreshed', flavor: { flavorID: 'offer' } }])
    await node.stop()
  })

  it('wakes nobody for what does not concern him', async () => {
    const simulation = createSimulatedSystem(3)
    const node = await begin(simulation)
    const selector: Selector = { filters: { cpu: { op: 'range', min: '10' } } }
    const { next } = await node.poll(undefined, { selector })
    let answer: Answer | undefined
    void node.poll(next, { waitMs: 30_000, audience: 'public' }).then((got) => (answer = got))
    await node.candidates.take(sighting('p', { visibility: 'internal' }))
    await simulation.advance(10_000)
    expect(answer).toBeUndefined()
    await node.candidates.take(sighting('p', { flavorID: 'other' }))
    await simulation.advance(50)
    expect(answer!.events).toHaveLength(1)
    expect(JSON.stringify(answer)).not.toContain('"offer"')
    await node.stop()
  })

  it('tells of an offer that is hidden from now on as of one that is withdrawn', async () => {
    const simulation = createSimulatedSystem(4)
    const node = await begin(simulation)
    await node.candidates.take(sighting('p'))
    const { next } = await node.poll()
    await node.candidates.take(sighting('p', { visibility: 'internal', at: simulation.now() + 1_000 }))
    expect((await node.poll(next)).events).toMatchObject([{ type: 'withdrawn', flavorID: 'offer' }])
    expect((await node.poll(next, { audience: 'internal' })).events).toMatchObject([{ type: 'refreshed' }])
    await node.stop()
  })

  it('ends all waits when it stops, when the caller is gone, and refuses one who waits too often', async () => {
    const simulation = createSimulatedSystem(5)
    const node = await begin(simulation)
    const { next } = await node.poll()
    const gone = new AbortController()
    const waiting = [
      node.poll(next, { waitMs: 60_000, signal: gone.signal }),
      ...Array.from({ length: 7 }, () => node.poll(next, { waitMs: 60_000 })),
    ]
    await expect(node.poll(next, { waitMs: 60_000 })).rejects.toMatchObject({ code: 'too-many-requests' })
    gone.abort()
    expect(await waiting[0]).toMatchObject({ events: [] })
    await node.hub.stop()
    for (const answer of waiting) expect((await answer).next).toBe(next)
    await node.stop()
  })

  it.each(['', 'x', '0123456789ab.5', '0123456789ab.1.name', `${'9'.repeat(12)}.${'9'.repeat(15)}`])(
    'gives everything to who asks from %j on, which it never said',
    async (since) => {
      const simulation = createSimulatedSystem(6)
      const node = await begin(simulation)
      await node.candidates.take(sighting('p'))
      expect(await node.poll(since)).toMatchObject({
        reset: true,
        listing: 'complete',
        events: [{ type: 'refreshed' }],
      })
      await node.stop()
    },
  )
})
