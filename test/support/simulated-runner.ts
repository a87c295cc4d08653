/**
 * A runner that runs nothing: programs "start" after some milliseconds of the given clock, answer their
 * probes from then on, and end when they are told to, or to crash. For simulated markets.
 */
import type { System } from '../../src/kernel/system.ts'
import type { ProcessExit, ProcessSpec, Runner, RunningProcess } from '../../src/fabric/embedded/index.ts'

export interface SimulatedRunnerOptions {
  readonly system: System
  /** Milliseconds until a program answers; 50 unless given. */
  readonly startMs?: number
  /** Milliseconds that a program takes to end when it is asked to; 10 unless given. */
  readonly stopMs?: number
}

export interface SimulatedRunner extends Runner {
  /** What runs now, by id. */
  readonly running: ReadonlyMap<string, ProcessSpec>
  /** Ends a program as if by itself. @throws Error when no such program runs */
  end(id: string, exit: Partial<ProcessExit>): void
}

export function createSimulatedRunner({
  system,
  startMs = 50,
  stopMs = 10,
}: SimulatedRunnerOptions): SimulatedRunner {
  const running = new Map<string, ProcessSpec>()
  const ends = new Map<string, (exit: ProcessExit) => void>()
  const answering = new Set<string>()
  let nextPid = 1_000
  const finish = (id: string, exit: ProcessExit): void => ends.get(id)?.(exit)
  return {
    running,
    enforcement: 'simulated',
    isolation: 'nothing runs at all',
    async start() {},
    async stop() {
      for (const id of [...running.keys()]) finish(id, { code: null, signal: 'SIGKILL', oomKilled: false })
      await Promise.resolve()
    },
    async run(spec): Promise<RunningProcess> {
      const { id } = spec
      if (running.has(id)) throw new Error(`${id} runs already`)
      running.set(id, spec)
      const address = spec.env.POD_IP ?? ''
      const starting = system.clock.after(startMs, () => answering.add(address))
      const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>()
      ends.set(id, (exit) => {
        starting.cancel()
        running.delete(id)
        ends.delete(id)
        answering.delete(address)
        resolve(exit)
      })
      return {
        pid: nextPid++,
        exited,
        kill(graceMs) {
          if (graceMs <= 0) finish(id, { code: null, signal: 'SIGKILL', oomKilled: false })
          else {
            system.clock.after(Math.min(graceMs, stopMs), () =>
              finish(id, { code: null, signal: 'SIGTERM', oomKilled: false }),
            )
          }
          return exited
        },
      }
    },
    makeDirectory: (podUid) => Promise.resolve(`/simulated/${podUid}`),
    removeDirectory: () => Promise.resolve(),
    removeGroup: () => Promise.resolve(),
    probe(target) {
      const host = target.kind === 'tcp' ? target.host : new URL(target.url).hostname
      return Promise.resolve(answering.has(host) ? undefined : 'connection refused')
    },
    end(id, exit) {
      if (!running.has(id)) throw new Error(`${id} does not run`)
      finish(id, { code: 0, signal: null, oomKilled: false, ...exit })
    },
  }
}
