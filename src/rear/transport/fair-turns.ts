/**
 * Whose turn it is: shares out the time of the event loop among callers, so that who asks for much at once waits for its own
 * sake, and who asks for little hardly notices (docs/decisions/0023).
 *
 * Each caller has an account of the time that its work took. Who has used no more than its share of the time that passed, or
 * no more than anybody else who asks now, goes on at once; others wait here, where waiting costs nothing. Nobody waits while
 * nobody else asks.
 */
// A turn of the event loop is not a time: it passes on a simulated clock too.
// eslint-disable-next-line no-restricted-imports
import { setImmediate } from 'node:timers'
import type { Clock } from '../../kernel/system.ts'

/** Work for one turn; what takes longer than the turn says when it is done. */
type Work = () => Promise<unknown> | undefined

/** What can be made to wait: a stream, a socket. */
interface Source {
  pause(): unknown
  resume(): unknown
}

/** Milliseconds, as all below: what is begun at a stretch before others are looked at. */
const SLICE_MS = 2
/** Who asked within this time is one of those among whom time is shared. */
const ACTIVE_MS = 5
/** Who asks for more than so many things at once gets a quarter of the time at least, while others ask; else half of it. */
const FEW = 4
const WEIGHT_OF_FEW = 2
const WEIGHT_OF_MANY = 4
/** Of time that was not used, so much can be used later; for one large piece of work nobody waits longer than the other. */
const CREDIT_MS = 10
const DEBT_MS = 200
/** What a request costs before and after its work: reading, decrypting, writing. */
const AROUND_MS = 0.05
/** Work that goes on over several turns takes a part of them, which is not measured. */
const LATER_SHARE = 0.5
const LATER_MS = 2
/** Who lets more wait is told to come back. */
const MOST_WAITING = 1_024
/** From so many on, those who are gone are forgotten. */
const MANY_CALLERS = 256

/** What others need of it. */
export type Turns = Pick<FairTurns, 'take' | 'spent'>

interface Caller {
  /** What waits, by where it comes from: they take turns. */
  readonly lines: Map<string, Work[]>
  waiting: number
  running: number
  /** When what it used is paid for, at its share of all time. */
  paidAt: number
  /** When it last asked for, or got, something. */
  seenAt: number
  /** Whether it is among those who asked lately. */
  isListed: boolean
}

export class FairTurns {
  readonly #clock: Clock
  readonly #callers = new Map<string, Caller>()
  /** Who asked lately; some of them may be idle since. */
  #active: Caller[] = []
  /** Milliseconds used in this turn of the event loop. */
  #used = 0
  #waiting = 0
  #armed = false
  #alarm = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Does the work when it is the caller's turn: now, where nothing stands against it.
   * @param name who causes it; those who share a name share a turn
   * @param options.costMs what it costs beside the time that it takes until it returns
   * @param options.from those who share a name take turns by this
   * @returns whether it will be done; not when too much waits already
   */
  take(
    name: string,
    work: Work,
    { costMs = AROUND_MS, from = '' }: { readonly costMs?: number; readonly from?: string } = {},
  ): boolean {
    const now = this.#clock.monotonic()
    const caller = this.#seen(name, now)
    if (caller.waiting === 0 && this.#used < SLICE_MS && this.#may(caller, now)) {
      this.#begin(caller, work, { now, costMs })
      return true
    }
    const line = caller.lines.get(from) ?? []
    if (line.length >= MOST_WAITING) return false
    if (line.length === 0) caller.lines.set(from, line)
    line.push(() => {
      this.#charge(caller, costMs, this.#clock.monotonic())
      return work()
    })
    caller.waiting++
    this.#waiting++
    this.#arm()
    return true
  }

  /**
   * Something was done for a caller that could not be put off.
   * @param ms how long it took
   * @param source where more of it comes from; waits until it is the caller's turn again
   */
  spent(name: string, ms: number, source: Source): void {
    const now = this.#clock.monotonic()
    const caller = this.#seen(name, now)
    this.#charge(caller, ms, now)
    if (this.#waiting === 0 && this.#used < SLICE_MS && this.#may(caller, now)) return
    source.pause()
    const isTaken = this.take(name, () => {
      source.resume()
      return undefined
    })
    if (!isTaken) source.resume()
  }

  #seen(name: string, now: number): Caller {
    let caller = this.#callers.get(name)
    if (caller === undefined) {
      if (this.#callers.size >= MANY_CALLERS) this.#forget(now)
      caller = { lines: new Map(), waiting: 0, running: 0, paidAt: now, seenAt: now, isListed: false }
      this.#callers.set(name, caller)
    }
    caller.seenAt = now
    if (!caller.isListed) {
      for (const one of this.#active) one.isListed = isActive(one, now)
      this.#active = this.#active.filter(({ isListed }) => isListed)
      caller.isListed = true
      this.#active.push(caller)
    }
    return caller
  }

  #may(caller: Caller, now: number): boolean {
    if (caller.paidAt <= now) return true
    return this.#active.every(
      (other) => other === caller || !isActive(other, now) || caller.paidAt <= other.paidAt + SLICE_MS,
    )
  }

  #begin(
    caller: Caller,
    work: Work,
    { now, costMs }: { readonly now: number; readonly costMs: number },
  ): void {
    caller.running++
    const result = work()
    const returned = this.#clock.monotonic()
    this.#charge(caller, returned - now + costMs, returned)
    if (result === undefined) {
      caller.running--
      return
    }
    const done = (): void => {
      caller.running--
      const later = this.#clock.monotonic()
      caller.seenAt = later
      this.#charge(caller, Math.min((later - returned) * LATER_SHARE, LATER_MS), later)
      if (this.#waiting > 0) this.#arm()
    }
    result.then(done, done)
  }

  #charge(caller: Caller, ms: number, now: number): void {
    this.#used += ms
    // Not for every little thing: a turn more costs as much as one.
    if (this.#used > SLICE_MS / 2) this.#arm()
    const start = Math.max(caller.paidAt, now - CREDIT_MS)
    // Nobody else asks: it may have all, and owes nothing.
    if (!this.#active.some((other) => other !== caller && isActive(other, now))) {
      caller.paidAt = Math.min(start, now)
      return
    }
    const weight = caller.waiting + caller.running > FEW ? WEIGHT_OF_MANY : WEIGHT_OF_FEW
    caller.paidAt = Math.min(start + ms * weight, now + DEBT_MS)
    // All owe something: then time is left, and who owes least owes nothing.
    let least = caller.paidAt
    for (const one of this.#active) if (isActive(one, now)) least = Math.min(least, one.paidAt)
    if (least > now) for (const one of this.#active) one.paidAt -= least - now
  }

  /** Goes on when the turn of the event loop ends. */
  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    setImmediate(() => {
      this.#armed = false
      this.#used = 0
      if (this.#waiting > 0) this.#goOn()
    })
  }

  #goOn(): void {
    while (this.#used < SLICE_MS) {
      const now = this.#clock.monotonic()
      const next = this.#next(now)
      if (next === undefined) break
      this.#waiting--
      this.#begin(next, takeFrom(next), { now, costMs: 0 })
    }
    if (this.#waiting > 0) this.#wake()
  }

  /** Whose turn it is: of those who wait and may go on, who has used least. */
  #next(now: number): Caller | undefined {
    let next: Caller | undefined
    for (const caller of this.#active) {
      if (caller.waiting === 0 || (next !== undefined && next.paidAt <= caller.paidAt)) continue
      if (this.#may(caller, now)) next = caller
    }
    return next
  }

  /** Looks again in the next turn, or later where time has to pass. */
  #wake(): void {
    if (this.#next(this.#clock.monotonic()) !== undefined) return this.#arm()
    if (this.#alarm) return
    this.#alarm = true
    this.#clock.after(1, () => {
      this.#alarm = false
      this.#arm()
    })
  }

  #forget(now: number): void {
    for (const [name, caller] of this.#callers)
      if (!isActive(caller, now) && caller.running === 0 && caller.paidAt <= now) this.#callers.delete(name)
  }
}

function isActive({ waiting, seenAt }: Caller, now: number): boolean {
  return waiting > 0 || seenAt >= now - ACTIVE_MS
}

function takeFrom(caller: Caller): Work {
  const [from, line] = caller.lines.entries().next().value!
  const work = line.shift()!
  caller.lines.delete(from)
  // Behind the others of its name.
  if (line.length > 0) caller.lines.set(from, line)
  caller.waiting--
  return work
}
