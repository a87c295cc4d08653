import { describe, expect, it } from 'vitest'
import { type Component, startAll, stopAll } from './component.ts'

function components(...failing: readonly string[]): { log: string[]; all: Component[] } {
  const log: string[] = []
  const act = async (what: string): Promise<void> => {
    log.push(what)
    if (failing.includes(what)) throw new Error(what)
  }
  const all = ['a', 'b', 'c'].map((name) => ({
    start: () => act(`start ${name}`),
    stop: () => act(`stop ${name}`),
  }))
  return { log, all }
}

describe('components together', () => {
  it('start in order and stop in reverse', async () => {
    const { log, all } = components()
    await startAll(all)
    await stopAll(all)
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
  })

  it('are all stopped even when some throw, and the errors are kept', async () => {
    const one = components('stop b')
    await expect(stopAll(one.all)).rejects.toThrow('stop b')
    expect(one.log).toEqual(['stop c', 'stop b', 'stop a'])
    const two = components('stop c', 'stop a')
    await expect(stopAll(two.all)).rejects.toMatchObject({
      errors: [new Error('stop c'), new Error('stop a')],
    })
  })

  it('are stopped again when one does not start', async () => {
    const { log, all } = components('start b')
    await expect(startAll(all)).rejects.toThrow('start b')
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })
})
