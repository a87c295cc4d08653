import { describe, expect, it } from 'vitest'
import { OneAtATime } from './one-at-a-time.ts'

describe('work on the same thing', () => {
  it('is done one after the other, in the order in which it came; work on others is not held up', async () => {
    const oneAtATime = new OneAtATime()
    const log: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = oneAtATime.run('a', async () => {
      log.push('a1 begins')
      await gate.promise
      log.push('a1 ends')
      return 1
    })
    const second = oneAtATime.run('a', async () => log.push('a2'))
    await oneAtATime.run('b', async () => log.push('b'))
    expect(log).toEqual(['a1 begins', 'b'])
    gate.resolve()
    await second
    expect(await first).toBe(1)
    expect(log).toEqual(['a1 begins', 'b', 'a1 ends', 'a2'])
  })

  it('goes on after a failure, which only its own caller sees', async () => {
    const oneAtATime = new OneAtATime()
    const failing = oneAtATime.run('a', () => Promise.reject(new Error('no')))
    const next = oneAtATime.run('a', () => Promise.resolve('yes'))
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('yes')
  })
})
