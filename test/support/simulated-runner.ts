/**
 * A runner that runs nothing: programs "start" after some milliseconds of the given clock, answer their
 * probes from then on, and end when they are told to, or to crash. For simulated markets.
 */
import type { System } from '../../src/kernel/system.ts'
import type {
  ContainerSpec,
  PodSpecToRun,
  ProcessExit,
  Runner,
  RunningProcess,
} from '../../src/fabric/embedded/index.ts'

export interface SimulatedRunnerOptions {
  readonly system: System
  /** Milliseconds until a program answers; 50 unless given. */
  readonly startMs?: number
  /** Milliseconds that a program takes to end when it is asked to; 10 unless given. */
  readonly stopMs?: number
}

export interface SimulatedRunner extends Runner {
  /** What runs now, by id. */
  readonly running: ReadonlyMap<string, ContainerSpec & { readonly pod: PodSpecToRun }>
  /** Ends a program as if by itself. @throws Error when no such program runs */
  end(id: string, exit: Partial<ProcessExit>): void
}

export function createSimulatedRunner({
  system,
  startMs = 50,
  stopMs = 10,
}: SimulatedRunnerOptions): SimulatedRunner {
  const running = new Map<string, ContainerSpec & { readonly pod: PodSpecToRun }>()
  const ends = new Map<string, (exit: ProcessExit) => void>()
  const answering = new Set<string>()
  let nextPid = 1_000
  const finish = (id: string, exit: ProcessExit): void => ends.get(id)?.(exit)
  const killed: ProcessExit = { code: null, signal: 'SIGKILL', oomKilled: false }
  const run = (pod: PodSpecToRun, spec: ContainerSpec): RunningProcess => {
    const { id } = spec
    if (running.has(id)) throw new Error(`${id} runs already`)
    running.set(id, { ...spec, pod })
    const starting = system.clock.after(startMs, () => answering.add(pod.uid))
    const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>()
    ends.set(id, (exit) => {
      starting.cancel()
      running.delete(id)
      ends.delete(id)
      answering.delete(pod.uid)
      resolve(exit)
    })
    const pid = nextPid++
    return {
      containerID: `simulated://${id}/${pid}`,
      pid,
      exited,
      kill(graceMs) {
        if (graceMs <= 0) finish(id, killed)
        else {
          system.clock.after(Math.min(graceMs, stopMs), () =>
            finish(id, { code: null, signal: 'SIGTERM', oomKilled: false }),
          )
        }
        return exited
      },
    }
  }
  return {
    name: 'simulated',
    running,
    enforces: {
      cpu: 'kernel',
      memory: 'kernel',
      pids: 'kernel',
      disk: 'kernel',
      network: 'own',
      egress: ['none', 'internet', 'all'],
      images: false,
      files: 'own',
    },
    enforcement: 'simulated',
    isolation: 'nothing runs at all',
    async start() {},
    async stop() {
      for (const id of [...running.keys()]) finish(id, killed)
      await Promise.resolve()
    },
    makePod(pod) {
      let execs = 0
      return Promise.resolve({
        runner: 'simulated',
        images: false,
        address: pod.address,
        home: `/simulated/${pod.uid}`,
        reach: (port) => ({ host: pod.address, port }),
        probe: () => Promise.resolve(answering.has(pod.uid) ? undefined : 'connection refused'),
        async run(spec) {
          return {
            ...run(pod, spec),
            async exec(exec) {
              const id = `${spec.id}.exec-${execs++}`
              const process = run(pod, { ...spec, ...exec, id })
              system.clock.after(stopMs, () => finish(id, { code: 0, signal: null, oomKilled: false }))
              return process
            },
          }
        },
        async remove() {
          for (const [id, spec] of running) if (spec.pod.uid === pod.uid) finish(id, killed)
        },
      })
    },
    removeGroup: () => Promise.resolve(),
    end(id, exit) {
      if (!running.has(id)) throw new Error(`${id} does not run`)
      finish(id, { code: 0, signal: null, oomKilled: false, ...exit })
    },
  }
}
