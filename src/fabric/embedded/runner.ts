/**
 * The Runner port: how the embedded cluster runs a container's command on this machine.
 *
 * Implementations: `process-runner.ts` (real processes) and the simulated one of the tests.
 */
import type { Component } from '../../kernel/component.ts'

/** What is absent is not limited. */
export interface ProcessLimits {
  /** Thousandths of a core. */
  readonly cpuMillis?: number
  readonly memoryBytes?: number
  /** Processes and threads together. */
  readonly pids?: number
}

/** Processes whose sum is limited: everything under one contract, or the node's own pods. */
export interface ProcessGroup {
  /** Safe as a file name. */
  readonly id: string
  readonly limits: ProcessLimits
}

export interface ProcessSpec {
  /** Unique among what runs; safe as a file name. */
  readonly id: string
  readonly group: ProcessGroup
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** All that the program sees, but for what the runner itself marks it with. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute path; one that `makeDirectory` gave, or below it. */
  readonly workingDirectory: string
  readonly limits: ProcessLimits
  /** Takes what the program writes to standard output and error; the program waits until it resolves. */
  readonly output: (chunk: Buffer) => Promise<void> | void
}

export interface ProcessExit {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether its memory limit ended it. */
  readonly oomKilled: boolean
}

export interface RunningProcess {
  readonly pid: number
  /** Resolves when the program has ended and nothing that it started is left. Never rejects. */
  readonly exited: Promise<ProcessExit>
  /**
   * Asks the program and all that it started to end, and makes them after `graceMs`. Idempotent; a
   * shorter grace of a later call counts.
   * @returns `exited`
   */
  kill(graceMs: number): Promise<ProcessExit>
}

/** What a probe looks at. */
export type ProbeTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'http'
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
    }

/** Its start ends what an earlier life of this program left running; its stop kills what still runs. */
export interface Runner extends Component {
  /**
   * Known after the start. How limits are kept: `cgroup-v2`, `cgroup-v1`, `watchdog`, `none`; for people, more
   * may follow after a space.
   */
  readonly enforcement: string
  /** Known after the start. For people: what keeps programs from each other and from this machine. */
  readonly isolation: string
  /** @throws RunnerError when the process cannot be made; that the command fails is an exit, not an error */
  run(spec: ProcessSpec): Promise<RunningProcess>
  /** @returns the path of the pod's own directory, made for programs of `group` */
  makeDirectory(podUid: string, group: string): Promise<string>
  removeDirectory(podUid: string): Promise<void>
  /** Forgets a group in which nothing runs any more. */
  removeGroup(group: string): Promise<void>
  /** @returns undefined when the target answers as it should, else what is wrong */
  probe(target: ProbeTarget, signal: AbortSignal): Promise<string | undefined>
}

export type RunnerErrorCode = 'spawn-failed' | 'directory-failed' | 'stopped'

/** A process that could not be started. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError'
  readonly code: RunnerErrorCode

  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
