import type { webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { deadline, sleep, uuid } from '../../src/kernel/system.ts'
import { createSimulatedSystem } from './simulated-system.ts'

describe('the simulated system', () => {
  it('is the same for the same seed, another for another', () => {
    const ids = (seed: number): string[] => {
      const { random } = createSimulatedSystem(seed).system
      return [uuid(random), uuid(random)]
    }
    expect(ids(1)).toEqual(ids(1))
    expect(new Set([...ids(1), ...ids(2), ...ids(2 ** 40 + 1), ...ids(-1)]).size).toBe(8)
    const simulation = createSimulatedSystem(1)
    expect(uuid(simulation.named('a').random)).toBe(uuid(simulation.named('a').random))
    expect(uuid(simulation.named('a').random)).not.toBe(uuid(simulation.named('b').random))
  })

  it('gives random bytes that are spread evenly', () => {
    const bytes = createSimulatedSystem(7).system.random.bytes(256 * 400)
    const counts = new Array<number>(256).fill(0)
    for (const byte of bytes) counts[byte]!++
    expect(Math.min(...counts)).toBeGreaterThan(300)
    expect(Math.max(...counts)).toBeLessThan(500)
  })

  it('fires timers in the order of their time, then of their making, and only when time gets there', async () => {
    const { system, advance, now, pendingTimers } = createSimulatedSystem(1, 1_000)
    const fired: string[] = []
    const at = (ms: number, name: string) => system.clock.after(ms, () => fired.push(`${name} ${now()}`))
    at(30, 'c')
    at(10, 'a')
    at(10, 'b')
    at(20, 'cancelled').cancel()
    at(40, 'late')
    await advance(30)
    expect(fired).toEqual(['a 1010', 'b 1010', 'c 1030'])
    expect(now()).toBe(1_030)
    expect(system.clock.monotonic()).toBe(30)
    expect(pendingTimers()).toBe(1)
  })

  it('agrees with a sort on many timers, some cancelled', async () => {
    const { system, advance } = createSimulatedSystem(3, 0)
    const fired: number[] = []
    const expected: number[] = []
    for (let index = 0; index < 500; index++) {
      const ms = system.random.bytes(1)[0]!
      const timer = system.clock.after(ms, () => fired.push(ms))
      if (index % 3 === 0) timer.cancel()
      else expected.push(ms)
    }
    await advance(1_000)
    expect(fired).toEqual(expected.sort((a, b) => a - b))
  })

  it('lets everything that a timer set off come to rest before the next one', async () => {
    const { system, advance } = createSimulatedSystem(1)
    const log: string[] = []
    system.clock.after(1, () => {
      void (async () => {
        for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
        await readFile(new URL(import.meta.url))
        await crypto.subtle.digest('SHA-256', new Uint8Array(1_000_000))
        const keys = (await crypto.subtle.generateKey('Ed25519', true, ['sign'])) as webcrypto.CryptoKeyPair
        await crypto.subtle.sign('Ed25519', keys.privateKey, new Uint8Array(10))
        log.push('first done')
      })()
    })
    system.clock.after(2, () => log.push('second'))
    await advance(2)
    expect(log).toEqual(['first done', 'second'])
  })

  it('runs an hour of sleeping loops in no time', async () => {
    const { system, advance } = createSimulatedSystem(1)
    let rounds = 0
    const abort = new AbortController()
    const loop = (async () => {
      for (;;) {
        await sleep(system.clock, 1_000, abort.signal)
        rounds++
      }
    })().catch(() => undefined)
    await advance(3_600_000)
    expect(rounds).toBe(3_600)
    abort.abort()
    await loop
  })

  it('runs until a condition holds, and says why it does not', async () => {
    const { system, runUntil, now } = createSimulatedSystem(1, 0)
    let done = false
    system.clock.after(5_000, () => {
      done = true
    })
    await runUntil(() => done, { limitMs: 10_000 })
    expect(now()).toBe(5_000)
    await expect(runUntil(() => false, { limitMs: 10 })).rejects.toThrow('nothing is left to happen')
    const { signal } = deadline(system.clock, 100)
    await expect(runUntil(() => signal.aborted, { limitMs: 10 })).rejects.toThrow('not within 10 ms')
    await runUntil(() => signal.aborted, { limitMs: 100 })
  })
})
