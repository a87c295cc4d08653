/**
 * Puts measurements together as they get old: of each side the latest stand for themselves, those before go into chunks,
 * and chunks into wider ones. What is counted and summed stays exact. Pure.
 */
import {
  CHUNK_SECONDS_WHEN_OVER,
  CHUNK_STEPS,
  LATEST_MEASUREMENTS,
  type Measurement,
  type MeasurementChunk,
  type SampleStatus,
} from '../objects/sample.ts'

/** @returns the sample with one measurement more, no larger than it may be */
export function withMeasurement(status: SampleStatus | undefined, measurement: Measurement): SampleStatus {
  const { by } = measurement
  const measurements = [...(status?.measurements ?? []), measurement]
  const excess = measurements.filter((each) => each.by === by).length - LATEST_MEASUREMENTS
  if (excess <= 0) return judged(measurements, status?.chunks ?? [])
  const [old, rest] = takeFirst(measurements, excess, (each) => each.by === by)
  return judged(rest, withChunks(status?.chunks ?? [], old.map(chunkOf)))
}

/** @returns the sample of a contract that is over, as small as it is kept; undefined when it is so already */
export function closedSample({ measurements, chunks = [] }: SampleStatus): SampleStatus | undefined {
  const isFine = ({ seconds }: MeasurementChunk): boolean => seconds < CHUNK_SECONDS_WHEN_OVER
  if (measurements.length === 0 && !chunks.some(isFine)) return undefined
  const old = [...chunks.filter(isFine), ...measurements.map(chunkOf)].map((chunk) => ({
    ...chunk,
    seconds: CHUNK_SECONDS_WHEN_OVER,
  }))
  const wide = chunks.filter((chunk) => !isFine(chunk))
  return judged([], withChunks(wide, old))
}

/** What one side measured, all in all. */
export interface Delivered {
  readonly count: number
  readonly available: number
  readonly roundTrips: MeasurementChunk['roundTrips']
}

/** @returns by side; the same whether its measurements were put together or not */
export function deliveredBy({
  measurements,
  chunks = [],
}: Pick<SampleStatus, 'measurements' | 'chunks'>): ReadonlyMap<string, Delivered> {
  const sides = new Map<string, MeasurementChunk>()
  for (const chunk of [...chunks, ...measurements.map(chunkOf)]) {
    const before = sides.get(chunk.by)
    sides.set(chunk.by, before === undefined ? chunk : merged(before, chunk))
  }
  return new Map(
    Array.from(sides, ([by, { count, available, roundTrips }]) => [by, { count, available, roundTrips }]),
  )
}

function judged(measurements: readonly Measurement[], chunks: readonly MeasurementChunk[]): SampleStatus {
  const sides = new Map<string, { count: number; available: number }>()
  const add = (by: string, count: number, available: number): void => {
    const side = sides.get(by) ?? { count: 0, available: 0 }
    side.count += count
    side.available += available
    sides.set(by, side)
  }
  for (const { by, count, available } of chunks) add(by, count, available)
  for (const { by, available } of measurements) add(by, 1, available ? 1 : 0)
  let shares = 0
  for (const { count, available } of sides.values()) shares += available / count
  return {
    measurements: [...measurements],
    ...(chunks.length === 0 ? {} : { chunks: [...chunks] }),
    availability: Math.round((shares / sides.size) * 10_000) / 10_000,
  }
}

function chunkOf({ at, by, available, roundTripMs, pods, bytesIn, bytesOut }: Measurement): MeasurementChunk {
  return {
    by,
    seconds: CHUNK_STEPS[0].seconds,
    from: at,
    to: at,
    count: 1,
    available: available ? 1 : 0,
    ...(roundTripMs === undefined
      ? {}
      : { roundTrips: { count: 1, totalMs: roundTripMs, mostMs: roundTripMs } }),
    ...(pods === undefined ? {} : { leastPods: pods }),
    ...(bytesIn === undefined ? {} : { bytesIn }),
    ...(bytesOut === undefined ? {} : { bytesOut }),
  }
}

/** @param added the oldest first, each newer than all chunks of its side */
function withChunks(
  chunks: readonly MeasurementChunk[],
  added: readonly MeasurementChunk[],
): MeasurementChunk[] {
  const sides = new Set(added.map(({ by }) => by))
  const result = chunks.filter(({ by }) => !sides.has(by))
  for (const by of sides) {
    const isOfSide = (chunk: MeasurementChunk): boolean => chunk.by === by
    result.push(...coarsened(chunks.filter(isOfSide), added.filter(isOfSide)))
  }
  return result
}

/** Of one side. @returns the widest first, which are the oldest */
function coarsened(
  chunks: readonly MeasurementChunk[],
  added: readonly MeasurementChunk[],
): MeasurementChunk[] {
  const result: MeasurementChunk[] = []
  let arriving = added
  for (const { seconds, most } of CHUNK_STEPS) {
    const level = chunks.filter((chunk) => chunk.seconds === seconds)
    for (const chunk of arriving.filter((each) => each.seconds <= seconds)) {
      const last = level.at(-1)
      const widened = { ...chunk, seconds }
      if (last !== undefined && isOneChunk(last, chunk, seconds))
        level[level.length - 1] = merged(last, widened)
      else level.push(widened)
    }
    const wider = arriving.filter((each) => each.seconds > seconds)
    const isLast = seconds === CHUNK_STEPS.at(-1)!.seconds
    while (isLast && level.length > most) level.splice(0, 2, merged(level[0]!, level[1]!))
    arriving = [...level.splice(0, Math.max(0, level.length - most)), ...wider]
    result.unshift(...level)
  }
  return result
}

/** Also where a side says nonsense of the time: it is only its own chunks that get wide then. */
function isOneChunk(last: MeasurementChunk, next: MeasurementChunk, seconds: number): boolean {
  const placeOf = (time: string): number => Math.floor(Date.parse(time) / (seconds * 1_000))
  return placeOf(last.from) === placeOf(next.from)
}

function merged(a: MeasurementChunk, b: MeasurementChunk): MeasurementChunk {
  const [x, y] = [a.roundTrips, b.roundTrips]
  const roundTrips =
    x === undefined || y === undefined
      ? (x ?? y)
      : {
          count: x.count + y.count,
          totalMs: Math.round((x.totalMs + y.totalMs) * 1_000) / 1_000,
          mostMs: Math.max(x.mostMs, y.mostMs),
        }
  const leastPods = Math.min(a.leastPods ?? Infinity, b.leastPods ?? Infinity)
  const bytesIn = b.bytesIn ?? a.bytesIn
  const bytesOut = b.bytesOut ?? a.bytesOut
  return {
    by: a.by,
    seconds: a.seconds,
    from: a.from,
    to: b.to,
    count: a.count + b.count,
    available: a.available + b.available,
    ...(roundTrips === undefined ? {} : { roundTrips }),
    ...(leastPods === Infinity ? {} : { leastPods }),
    ...(bytesIn === undefined ? {} : { bytesIn }),
    ...(bytesOut === undefined ? {} : { bytesOut }),
  }
}

/** @returns the first `count` that are chosen, and the others */
function takeFirst<T>(
  items: readonly T[],
  count: number,
  isChosen: (item: T) => boolean,
): readonly [T[], T[]] {
  const taken: T[] = []
  const rest: T[] = []
  for (const item of items) (taken.length < count && isChosen(item) ? taken : rest).push(item)
  return [taken, rest]
}
