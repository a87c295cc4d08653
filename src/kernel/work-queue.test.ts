import { afterEach, describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts'

const START = 0

function make(work: WorkQueueOptions['work'], options: Partial<WorkQueueOptions> = {}) {
  const simulation = createSimulatedSystem(1, START)
  const queue = new WorkQueue({ system: simulation.system, work, ...options })
  queues.push(queue)
  return { queue, simulation }
}

const queues: WorkQueue[] = []
afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.stop()))
})

/** Work that finishes when the test says so. */
function gated() {
  const running = new Map<string, () => void>()
  const log: string[] = []
  return {
    log,
    running,
    work: (key: string): Promise<void> => {
      log.push(key)
      return new Promise((resolve) => {
        running.set(key, () => {
          running.delete(key)
          resolve()
        })
      })
    },
  }
}

describe('a work queue', () => {
  it('works on a key once, however often it was added before', async () => {
    const done: string[] = []
    const { queue } = make(async (key) => void done.push(key))
    for (const key of ['a', 'b', 'a', 'a', 'c', 'b']) queue.add(key)
    expect(queue.size).toBe(3)
    queue.start()
    await queue.idle()
    expect(done).toEqual(['a', 'b', 'c'])
  })

  it('never works on a key twice at a time, but again when it was added meanwhile', async () => {
    const { work, running, log } = gated()
    const { queue, simulation } = make(work, { concurrency: 5 })
    queue.start()
    queue.add('a')
    await simulation.settle()
    queue.add('a')
    queue.add('a')
    await simulation.settle()
    expect(log).toEqual(['a'])
    running.get('a')!()
    await simulation.settle()
    expect(log).toEqual(['a', 'a'])
    running.get('a')!()
    await queue.idle()
    expect(log).toEqual(['a', 'a'])
  })

  it('works on as many keys at a time as it may', async () => {
    const { work, running, log } = gated()
    const { queue, simulation } = make(work, { concurrency: 2 })
    queue.start()
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    await simulation.settle()
    expect(log).toEqual(['a', 'b'])
    running.get('b')!()
    await simulation.settle()
    expect(log).toEqual(['a', 'b', 'c'])
    for (let next = running.values().next(); !next.done; next = running.values().next()) {
      next.value()
      await simulation.settle()
    }
    await queue.idle()
    expect(log).toEqual(['a', 'b', 'c', 'd'])
  })

  it('never runs work in the stack of add', () => {
    let ran = false
    const { queue } = make(async () => {
      ran = true
    })
    queue.start()
    queue.add('a')
    expect(ran).toBe(false)
  })

  it('of several delays takes the earliest, and none when the key is added at once', async () => {
    const times: [string, number][] = []
    const { queue, simulation } = make(async (key) => void times.push([key, simulation.now()]))
    queue.start()
    queue.addAfter('a', 300)
    queue.addAfter('a', 100)
    queue.addAfter('a', 200)
    queue.addAfter('b', 50)
    queue.add('b')
    await simulation.advance(1_000)
    expect(times).toEqual([
      ['b', 0],
      ['a', 100],
    ])
  })

  it('comes back after failures with doubling delays up to the longest, and starts over after a success', async () => {
    const times: number[] = []
    let failing = true
    const failures: [string, string, number][] = []
    const { queue, simulation } = make(
      async () => {
        times.push(simulation.now())
        if (failing) throw new Error('no')
      },
      {
        maxDelayMs: 100,
        onFailure: (key, error, delay) => failures.push([key, (error as Error).message, delay]),
      },
    )
    queue.start()
    queue.add('a')
    await simulation.advance(350)
    expect(times).toEqual([0, 20, 60, 140, 240, 340])
    expect(failures.map(([, , delay]) => delay)).toEqual([20, 40, 80, 100, 100, 100])
    expect(failures[0]).toEqual(['a', 'no', 20])
    failing = false
    await simulation.advance(1_000)
    expect(times.at(-1)).toBe(440)
    expect(queue.failures('a')).toBe(0)
    failing = true
    queue.add('a')
    await simulation.advance(25)
    expect(times.slice(-2)).toEqual([1_350, 1_370])
  })

  it('back-off reaches a minute by default and stays there', async () => {
    let last = 0
    const gaps: number[] = []
    const { queue, simulation } = make(async () => {
      gaps.push(simulation.now() - last)
      last = simulation.now()
      throw new Error('no')
    })
    queue.start()
    queue.add('a')
    await simulation.advance(10 * 60_000)
    expect(Math.max(...gaps)).toBe(60_000)
  })

  it('when a failing key was added again meanwhile works on it at once, and only once', async () => {
    let count = 0
    const { queue, simulation } = make(async (key) => {
      count++
      if (count === 1) {
        queue.add(key)
        throw new Error('no')
      }
    })
    queue.start()
    queue.add('a')
    await simulation.settle()
    expect(count).toBe(2)
    await simulation.advance(10_000)
    expect(count).toBe(2)
  })

  it('when stopped finishes what runs, and drops the rest', async () => {
    const { work, running, log } = gated()
    const { queue, simulation } = make(work)
    queue.start()
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    await simulation.settle()
    let stopped = false
    const stopping = queue.stop().then(() => {
      stopped = true
    })
    await simulation.settle()
    expect(stopped).toBe(false)
    running.get('a')!()
    await stopping
    queue.add('d')
    await simulation.advance(1_000)
    expect(log).toEqual(['a'])
    expect(simulation.pendingTimers()).toBe(0)
    await queue.idle()
  })
})
