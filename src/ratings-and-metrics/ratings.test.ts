import { describe, expect, it } from 'vitest'
import { startLocalRatings } from '../../test/support/local-ratings.ts'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { FactKind, type FactType } from '../objects/fact.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { NEUTRAL_RATING, rate } from './index.ts'

const NOW = Date.UTC(2030, 0, 1)
const DAY = 86_400_000
const facts = (type: FactType, count: number, daysAgo = 0) =>
  Array.from({ length: count }, () => ({ type, at: new Date(NOW - daysAgo * DAY).toISOString() }))

describe('a rating', () => {
  it('is neutral without facts, and moves further the more there are', () => {
    expect(rate([], NOW)).toEqual({ score: NEUTRAL_RATING, confidence: 0 })
    const good = [1, 3, 30].map((count) => rate(facts('Delivered', count), NOW).score)
    expect(good).toEqual([...good].sort((a, b) => a - b))
    expect(good[0]).toBeGreaterThan(NEUTRAL_RATING)
    expect(good[2]).toBeLessThanOrEqual(5)
    expect(rate(facts('Breached', 30), NOW).score).toBeLessThan(0.5)
  })

  it('counts what is long ago less: after thirty days half', () => {
    expect(rate(facts('Breached', 2, 30), NOW)).toEqual(rate(facts('Breached', 1), NOW))
    // Whose clock is ahead gains nothing by it.
    expect(rate(facts('Breached', 1, -5), NOW)).toEqual(rate(facts('Breached', 1), NOW))
  })

  it('falls below neutral for a seller that sold and then closed', () => {
    expect(rate([...facts('Purchased', 1), ...facts('ClosedBySeller', 1)], NOW).score).toBeLessThan(
      NEUTRAL_RATING,
    )
  })
})

describe('Ratings and Metrics', () => {
  async function start() {
    const simulation = createSimulatedSystem(1)
    const { system } = simulation
    const { store } = createMemoryStore({ system })
    const { ratings, recorder } = await startLocalRatings(system, store)
    return { simulation, store, ratings, recorder }
  }

  it('rate each node by the facts about it, and record a fact once', async () => {
    const { simulation, store, ratings, recorder } = await start()
    recorder.fact('good', 'Delivered', { once: 'c1' })
    recorder.fact('good', 'Delivered', { once: 'c1' })
    recorder.fact('bad', 'Unreachable', { once: 'c1', detail: 'no answer' })
    await simulation.settle()
    expect((await store.list(FactKind)).items).toHaveLength(2)
    expect(ratings.ownRatingOf('good')).toBeGreaterThan(NEUTRAL_RATING)
    expect(ratings.ownRatingOf('bad')).toBeLessThan(NEUTRAL_RATING)
    expect(ratings.ownRatingOf('unknown')).toBeUndefined()
  })

  it('tell of a failure as long as it is fresh; a refusal is none', async () => {
    const { simulation, ratings, recorder } = await start()
    recorder.fact('them', 'Refused')
    recorder.fact('them', 'ClosedByBuyer')
    await simulation.settle()
    expect(ratings.failedLately('them', 60_000)).toBeUndefined()
    recorder.fact('them', 'Unreachable', { detail: 'no answer' })
    await simulation.settle()
    expect(ratings.failedLately('them', 60_000)).toBe('Unreachable: no answer')
    await simulation.advance(61_000)
    expect(ratings.failedLately('them', 60_000)).toBeUndefined()
  })
})
