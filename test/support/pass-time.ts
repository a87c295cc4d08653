/**
 * Lets simulated time pass by itself, as fast as the work in it allows: for tests that wait for calls which take time.
 */
import type { SimulatedSystem } from './simulated-system.ts'

export interface PassingTime {
  /** Lets so many milliseconds pass before it returns. */
  advance(ms: number): Promise<void>
  stop(): Promise<void>
}

const STEP_MS = 5

export function passTime(simulation: SimulatedSystem): PassingTime {
  let ended = false
  /** Asked for, in milliseconds; a clock can be moved by one only. */
  const jumps: { readonly ms: number; readonly done: () => void }[] = []
  const run = async (): Promise<void> => {
    while (!ended) {
      const jump = jumps.shift()
      await simulation.advance(jump?.ms ?? STEP_MS)
      jump?.done()
    }
  }
  const running = run()
  return {
    advance: (ms) => new Promise((resolve) => jumps.push({ ms, done: resolve })),
    async stop() {
      ended = true
      await running
    },
  }
}
