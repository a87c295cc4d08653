/** Samples get coarser with age, and what they prove stays the same. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rfc3339 } from '../kernel/system.ts'
import { CHUNK_STEPS, LATEST_MEASUREMENTS, type Measurement, type SampleStatus } from '../objects/sample.ts'
import { closedSample, deliveredBy, withMeasurement } from './coarsen.ts'

const START = Date.UTC(2030, 0, 1)
const MOST_CHUNKS = CHUNK_STEPS.reduce((sum, { most }) => sum + most, 0)

function sampled(measurements: readonly Measurement[]): SampleStatus {
  let status: SampleStatus | undefined
  for (const each of measurements) status = withMeasurement(status, each)
  return status!
}

/** One every `everyMs`, by each of two sides; every seventh of ours finds it out of use. */
function series(count: number, everyMs: number): Measurement[] {
  return Array.from({ length: count }, (_, index) =>
    ['us', 'them'].map((by) => ({
      at: rfc3339(START + index * everyMs),
      by,
      available: by === 'them' || index % 7 !== 0,
      roundTripMs: index % 10,
      bytesIn: index,
      pods: 1 + (index % 3),
    })),
  ).flat()
}

describe('a sample', () => {
  it('keeps the latest of each side one by one, and those before in chunks that get wider with age', () => {
    const status = sampled(series(3 * 24 * 120, 30_000))
    for (const by of ['us', 'them']) {
      const latest = status.measurements.filter((each) => each.by === by)
      expect(latest).toHaveLength(LATEST_MEASUREMENTS)
      expect(latest.at(-1)!.at).toBe(rfc3339(START + (3 * 24 * 120 - 1) * 30_000))
      const chunks = status.chunks!.filter((each) => each.by === by)
      const widths = chunks.map(({ seconds }) => seconds)
      expect(widths).toEqual(widths.toSorted((a, b) => b - a))
      expect(new Set(widths)).toEqual(new Set([300, 3_600, 86_400]))
      // Without a gap or an overlap, each within its width.
      for (const [index, { from, to, seconds }] of chunks.entries()) {
        expect(Date.parse(to) - Date.parse(from)).toBeLessThan(seconds * 1_000)
        expect(Date.parse(chunks[index + 1]?.from ?? latest[0]!.at)).toBe(Date.parse(to) + 30_000)
      }
    }
  })

  it('has a bound, however long the contract runs and whatever times a side says', () => {
    // Ten years in all; the times of the other side go backwards.
    const MANY = 10_000
    const STEP_MS = (10 * 365 * 24 * 3_600_000) / MANY
    let status: SampleStatus | undefined
    let largest = 0
    for (let index = 0; index < MANY; index++) {
      status = withMeasurement(status, { at: rfc3339(START + index * STEP_MS), by: 'us', available: true })
      status = withMeasurement(status, {
        at: rfc3339(START - index * STEP_MS),
        by: 'them',
        available: false,
      })
      largest = Math.max(largest, status.chunks?.length ?? 0)
    }
    expect(largest).toBeLessThanOrEqual(2 * MOST_CHUNKS)
    expect(deliveredBy(status!).get('us')).toMatchObject({ count: MANY, available: MANY })
    expect(deliveredBy(status!).get('them')).toMatchObject({ available: 0 })
    // Each side has one voice.
    expect(status!.availability).toBe(0.5)
  }, 120_000)

  it('answers what was delivered as the single measurements do, before and after they are put together', () => {
    const measurement = fc.record({
      by: fc.constantFrom('us', 'them', 'user'),
      available: fc.boolean(),
      roundTripMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
      pauseMs: fc.integer({ min: 0, max: 4 * 3_600_000 }),
    })
    fc.assert(
      fc.property(fc.array(measurement, { minLength: 1, maxLength: 900 }), (given) => {
        let at = START
        const all = given.map(({ pauseMs, roundTripMs, ...rest }): Measurement => {
          at += pauseMs
          return { ...rest, at: rfc3339(at), ...(roundTripMs === undefined ? {} : { roundTripMs }) }
        })
        const status = sampled(all)
        const one = deliveredBy({ measurements: all })
        expect(deliveredBy(status)).toEqual(one)
        const closed = closedSample(status)!
        expect(deliveredBy(closed)).toEqual(one)
        expect(closed.availability).toBe(status.availability)
        expect(closed.measurements).toEqual([])
        expect(closedSample(closed)).toBeUndefined()
      }),
      { numRuns: 60 },
    )
  }, 120_000)
})
