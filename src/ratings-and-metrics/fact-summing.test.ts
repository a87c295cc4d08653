import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { FACT_VALUES, FactKind, type FactType } from '../objects/fact.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { DEFAULT_RETENTION } from '../objects/retention.ts'
import { RatingKind } from '../objects/rating.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { FactSumming, rate, sumFacts } from './index.ts'
import { ratingKey } from './rating-key.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2030, 0, 1)
const fact = fc.record({
  type: fc.constantFrom(...(Object.keys(FACT_VALUES) as FactType[])),
  at: fc
    .integer({ min: 0, max: 400 * 86_400 })
    .map((seconds) => new Date(NOW - seconds * 1_000).toISOString()),
})

describe('facts that are summed', () => {
  it('give the rating that they gave one by one, whenever and in however many steps they were summed', () => {
    fc.assert(
      fc.property(
        fc.array(fact, { maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 4 }),
        fc.integer({ min: 0, max: 200 }),
        (facts, daysAgo, later) => {
          const until = daysAgo.toSorted((a, b) => b - a).map((days) => NOW - days * DAY)
          const summed = until.reduce<ReturnType<typeof sumFacts> | undefined>(
            // Those that are in the sum may still be there, or not.
            (sum, time, index) => sumFacts(facts, time, NOW + index, sum),
            undefined,
          )
          const now = NOW + later * DAY
          const left = facts.filter(({ at }) => summed === undefined || at >= summed.until)
          const expected = rate(facts, now)
          for (const kept of [left, facts]) {
            const { score, confidence } = rate(kept, now, summed)
            // Both are rounded to a hundredth.
            expect(Math.abs(score - expected.score)).toBeLessThan(0.0101)
            expect(Math.abs(confidence - expected.confidence)).toBeLessThan(0.0101)
          }
          expect(left.length + (summed?.facts ?? 0)).toBe(facts.length)
        },
      ),
    )
  })

  it('are in the sum once, also when they were not removed after it was written', async () => {
    const { system, settle } = createSimulatedSystem(1)
    const { store } = createMemoryStore({ system })
    const informers = new Informers({ store, system, log: silentLog })
    informers.of(FactKind).addIndex('about', ({ spec }) => [spec.about])
    const summing = new FactSumming({ store, informers, system, keptMs: DEFAULT_RETENTION.factsMs })
    const made = await Promise.all(
      [3, 2, 1].map((day) =>
        store.create(FactKind, {
          metadata: inDefaultNamespace(`fact-${day}`),
          spec: {
            about: 'them',
            type: 'Delivered',
            at: new Date(system.clock.now() - day * DAY).toISOString(),
          },
        }),
      ),
    )
    await informers.start()
    await settle()
    const [first, second] = made
    // Nobody has written a rating yet: nothing may go.
    expect(await summing.sum([first!])).toEqual([])
    await store.create(RatingKind, {
      metadata: inDefaultNamespace(ratingKey('them').name),
      spec: { nodeID: 'them' },
      status: { score: 3, confidence: 0.5, facts: 3, updated: '2030-01-01T00:00:00Z' },
    })
    expect(await summing.sum([first!])).toHaveLength(1)
    expect(await summing.sum([first!])).toHaveLength(1)
    expect(await summing.sum([first!, second!])).toHaveLength(2)
    const rating = await store.get(RatingKind, ratingKey('them'))
    expect(rating?.status?.summed?.facts).toBe(2)
  })
})
