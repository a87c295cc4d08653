import { expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../../../test/support/simulated-system.ts'
import { silentLog } from '../../../../kernel/log.ts'
import { MemoryWatchdog } from './memory-watchdog.ts'
import type { ProcessTrees } from './process-trees.ts'

it('looks four times a second while a program with a limit runs, else never', async () => {
  let looks = 0
  const trees: ProcessTrees = {
    add() {},
    remove() {},
    look() {
      looks++
      return Promise.resolve(new Map())
    },
    share: () => Promise.resolve(undefined),
  }
  const simulated = createSimulatedSystem(1)
  const watchdog = new MemoryWatchdog({ trees, system: simulated.named('a'), log: silentLog })
  watchdog.watch({ pid: 1_000_000_000, group: { id: 'own', limits: {} }, limits: {} })
  expect(simulated.pendingTimers()).toBe(0)
  const watch = watchdog.watch({
    pid: 1_000_000_001,
    group: { id: 'own', limits: {} },
    limits: { memoryBytes: 1 },
  })
  await simulated.advance(2_000)
  expect(looks).toBe(8)
  watch.end()
  expect(simulated.pendingTimers()).toBe(0)
  await simulated.advance(2_000)
  expect(looks).toBe(8)
  expect(watch.exceeded).toBe(false)
})
