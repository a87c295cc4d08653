/**
 * A `System` whose clock moves only when the test says so, and whose randomness comes from a seed.
 *
 * Timers fire in the order of their time, then of their making. Between any two of them everything
 * that was set off comes to rest first: promises, immediates, file access, signatures. So the same
 * seed gives the same run, and a simulated hour takes as long as the work in it.
 */
import { setImmediate } from 'node:timers'
import type { Random, System } from '../../src/kernel/system.ts'

export interface SimulatedSystem {
  readonly system: System
  /** @returns a system on the same clock whose randomness depends on the seed and `name` only. */
  named(name: string): System
  /** Simulated milliseconds since 1970. */
  now(): number
  /** How many timers are waiting. */
  pendingTimers(): number
  /** Lets everything come to rest; time stands still. */
  settle(): Promise<void>
  /** Lets `ms` simulated milliseconds pass. */
  advance(ms: number): Promise<void>
  /**
   * Lets time pass until the condition holds.
   * @param options.limitMs simulated milliseconds after which to give up
   * @throws Error when it does not come to hold
   */
  runUntil(condition: () => boolean, options: { readonly limitMs: number }): Promise<void>
}

interface SimulatedTimer {
  readonly due: number
  readonly order: number
  callback: (() => void) | undefined
}

/** A time that is easily recognised in output. */
const DEFAULT_START_MS = Date.UTC(2030, 0, 1)

export function createSimulatedSystem(seed: number, startMs: number = DEFAULT_START_MS): SimulatedSystem {
  watchCrypto()
  let now = startMs
  let order = 0
  const timers = new TimerHeap()
  const clock: System['clock'] = {
    now: () => Math.floor(now),
    monotonic: () => now - startMs,
    after(ms, callback) {
      const timer: SimulatedTimer = { due: now + (ms > 0 ? ms : 0), order: order++, callback }
      timers.push(timer)
      return {
        cancel: () => {
          timer.callback = undefined
        },
      }
    },
  }
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 2;) {
      const busy = pendingCrypto > 0 || process.getActiveResourcesInfo().some((name) => BUSY.test(name))
      quiet = busy ? 0 : quiet + 1
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  /** Fires the next timer, if it is due by `limit`. */
  const step = async (limit: number): Promise<boolean> => {
    const next = timers.first()
    if (next === undefined || next.due > limit) return false
    timers.shift()
    now = Math.max(now, next.due)
    const { callback } = next
    next.callback = undefined
    callback?.()
    await settle()
    return true
  }
  return {
    system: { clock, random: randomFrom(seed) },
    named: (name) => ({ clock, random: randomFrom(hash(`${seed} ${name}`)) }),
    now: () => Math.floor(now),
    pendingTimers: () => timers.pending(),
    settle,
    async advance(ms) {
      const target = now + ms
      await settle()
      while (await step(target));
      now = target
    },
    async runUntil(condition, { limitMs }) {
      const limit = now + limitMs
      await settle()
      while (!condition()) {
        if (!(await step(limit))) {
          const why = timers.first() === undefined ? 'nothing is left to happen' : `not within ${limitMs} ms`
          throw new Error(`the awaited condition did not come to hold: ${why} (simulated time)`)
        }
      }
    },
  }
}

/** What Node calls resources that will soon call back by themselves. */
const BUSY = /^(Immediate|FSReq|CloseReq)/

let pendingCrypto = 0
let cryptoWatched = false

/** Web Crypto works on other threads and shows nowhere: its calls are counted. */
function watchCrypto(): void {
  if (cryptoWatched) return
  cryptoWatched = true
  const subtle = globalThis.crypto.subtle as unknown as Record<string, unknown>
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(subtle))) {
    const method = subtle[name]
    if (name === 'constructor' || typeof method !== 'function') continue
    Object.defineProperty(subtle, name, {
      configurable: true,
      value: (...parameters: unknown[]): unknown => {
        const result: unknown = Reflect.apply(method, subtle, parameters)
        if (!(result instanceof Promise)) return result
        pendingCrypto++
        return result.finally(() => pendingCrypto--)
      },
    })
  }
}

/** Timers, the earliest first: a binary heap. Cancelled ones leave when they reach the top. */
class TimerHeap {
  readonly #heap: SimulatedTimer[] = []

  pending(): number {
    return this.#heap.filter((timer) => timer.callback !== undefined).length
  }

  first(): SimulatedTimer | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.callback === undefined) this.shift()
    return this.#heap[0]
  }

  push(timer: SimulatedTimer): void {
    const heap = this.#heap
    let index = heap.push(timer) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (earlier(heap[parent]!, timer)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = timer
  }

  shift(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
      if (earlier(last, heap[child]!)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

function earlier(a: SimulatedTimer, b: SimulatedTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}

/** @returns the bytes of sfc32, seeded. Predictable: for simulations only. */
export function randomFrom(seed: number): Random {
  let a = 0x9e3779b9
  let b = seed | 0
  let c = Math.floor(seed / 2 ** 32) | 0
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 16; round++) next()
  return {
    bytes(count) {
      const bytes = new Uint8Array(count)
      for (let index = 0; index < count; index += 4) {
        const word = next()
        for (let at = index; at < Math.min(index + 4, count); at++)
          bytes[at] = (word >>> (8 * (at - index))) & 0xff
      }
      return bytes
    },
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let result = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), 0x01000193)
  }
  return result >>> 0
}
