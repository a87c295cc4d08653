import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { splice } from './splice.ts'
import { readAll } from '../../test/support/network-nodes.ts'

/** Two streams that are spliced, and the far ends of both. */
function spliced(): {
  left: Duplex
  right: Duplex
  done: Promise<void>
  counted: { forward: number; back: number }
} {
  const [left, near] = duplexPair()
  const [far, right] = duplexPair()
  for (const stream of [left, right]) stream.on('error', () => undefined)
  const counted = { forward: 0, back: 0 }
  const done = splice(near, far, {
    forward: (bytes) => (counted.forward += bytes),
    back: (bytes) => (counted.back += bytes),
  })
  done.catch(() => undefined)
  return { left, right, done, counted }
}

describe('splice', () => {
  it('carries both directions, each until its own end, and counts', async () => {
    const { left, right, done, counted } = spliced()
    left.end('ping')
    expect((await readAll(right)).toString()).toBe('ping')
    right.end('pong!')
    expect((await readAll(left)).toString()).toBe('pong!')
    await done
    expect(counted).toEqual({ forward: 4, back: 5 })
  })

  it('takes a stream that is cut for a failure, not for an end', async () => {
    const [left, near] = duplexPair()
    const [far, right] = duplexPair()
    for (const stream of [left, right]) stream.on('error', () => undefined)
    const done = splice(near, far)
    right.write('half')
    await once(left, 'data')
    far.destroy()
    await expect(done).rejects.toThrow('cut before its end')
    expect(near.destroyed).toBe(true)
    expect(near.errored).toBeInstanceOf(Error)
  })

  it('refuses a stream that was cut before', async () => {
    const [, near] = duplexPair()
    const [far] = duplexPair()
    far.destroy()
    await once(far, 'close')
    await expect(splice(near, far)).rejects.toThrow('cut before')
    expect(near.destroyed).toBe(true)
  })
})
