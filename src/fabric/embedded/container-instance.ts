/**
 * One container of one pod: runs its command, again and again as the pod's restart policy says.
 */
import { backOff } from '../../kernel/back-off.ts'
import type { Log } from '../../kernel/log.ts'
import { rfc3339, sleep, type System } from '../../kernel/system.ts'
import type { ContainerState, ContainerStatus, Pod } from '../../objects/core/pod.ts'
import type { Container } from '../../objects/core/pod-spec.ts'
import { ContainerConfigError, MissingReferenceError } from './environment.ts'
import type { LogFile } from './log-file.ts'
import { checkProbes, type ProbeContext, type ProbeReports, watchProbes } from './probes.ts'
import {
  type ContainerSpec,
  type ProcessExit,
  RunnerError,
  type RunnerErrorCode,
  type RunningContainer,
  type RunningPod,
} from './runner.ts'

export interface ContainerInstanceOptions {
  readonly pod: Pod
  readonly container: Container
  /** @returns where it runs; there before it is started */
  readonly runs: () => RunningPod
  readonly system: System
  readonly log: Log
  readonly logFile: LogFile
  /** @returns what to run. @throws ContainerConfigError */
  readonly prepare: () => Promise<Omit<ContainerSpec, 'output'>>
  /** What the pod's status said of it before this program started. */
  readonly before: ContainerStatus | undefined
  /** The status has changed. */
  readonly changed: () => void
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void
}

const FIRST_BACK_OFF_MS = 100
const LONGEST_BACK_OFF_MS = 300_000
/** Between looks for a ConfigMap or Secret that is not there yet. */
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 10_000
const FIRST_PULL_RETRY_MS = 10_000
const PULL_ERROR_SHOWN_MS = 1_000
/** Kubernetes' words for an image that is not there. */
const PULL_REASONS: Readonly<Partial<Record<RunnerErrorCode, string>>> = {
  'image-pull-failed': 'ErrImagePull',
  'image-not-present': 'ErrImageNeverPull',
  'image-name-invalid': 'InvalidImageName',
}
/** Who ran that long is forgiven earlier crashes. */
const FORGIVEN_AFTER_MS = 600_000
/** Seconds: what fails its probes is not worth more. */
const MOST_PROBE_GRACE_S = 30
const SIGKILL = 9
/** Kubernetes' exit code for a command that could not be started at all. */
const START_FAILED = 128
const MESSAGE_BYTES = 2_048

export class ContainerInstance {
  readonly name: string
  readonly #options: ContainerInstanceOptions
  readonly #stopping = new AbortController()
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } }
  #lastState: ContainerState | undefined
  #ready = false
  #started = false
  #restartCount = 0
  #finished = false
  #process: RunningContainer | undefined
  #graceMs = 0
  #done: Promise<void> | undefined

  constructor(options: ContainerInstanceOptions) {
    this.#options = options
    this.name = options.container.name
    const { before, system } = options
    if (before === undefined) return
    this.#restartCount = before.restartCount
    this.#lastState = before.lastState
    if (before.state?.terminated !== undefined) this.#lastState = before.state
    if (before.state?.running !== undefined) {
      // It ran when this program's earlier life ended, and was ended with it.
      this.#lastState = {
        terminated: {
          exitCode: 255,
          reason: 'Unknown',
          message: 'ended together with the program that ran it',
          ...(before.state.running.startedAt !== undefined && { startedAt: before.state.running.startedAt }),
          finishedAt: rfc3339(system.clock.now()),
        },
      }
    }
    if (this.#lastState?.terminated === undefined) return
    const ranBefore = before.state?.waiting === undefined || before.lastState?.terminated !== undefined
    if (!ranBefore) return
    if (this.#mayRunAgain(this.#lastState.terminated.exitCode)) this.#restartCount++
    else {
      this.#state = this.#lastState
      this.#lastState = before.lastState
      this.#finished = true
    }
  }

  /** Whether it has ended and will not run again. */
  get finished(): boolean {
    return this.#finished
  }

  get status(): ContainerStatus {
    const { container } = this.#options
    return {
      name: container.name,
      state: this.#state,
      lastState: this.#lastState ?? {},
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restartCount,
      image: container.image ?? '',
      imageID: this.#process?.imageID ?? '',
      ...(this.#process !== undefined && { containerID: this.#process.containerID }),
    }
  }

  /** Begins to run; once. */
  start(): void {
    if (this.#finished) return
    this.#done ??= this.#run().catch((error: unknown) => {
      this.#options.log.error({ err: error, container: this.name }, 'a container is no longer looked after')
    })
  }

  /**
   * Ends it for good. A later call may shorten the grace.
   * @param graceMs milliseconds between asking and killing
   */
  async stop(graceMs: number): Promise<void> {
    this.#graceMs = graceMs
    this.#stopping.abort()
    await this.#process?.kill(graceMs)
    await this.#done
  }

  async #run(): Promise<void> {
    const { system, container, pod, event } = this.#options
    const { signal } = this.#stopping
    for (let crashes = 0, pulls = 0; !signal.aborted;) {
      const spec = await this.#prepared()
      if (spec === undefined) return
      const began = system.clock.monotonic()
      const ended = await this.#once(spec)
      if (ended === undefined) return
      if (ended === 'later') {
        await this.#backOffFromPull(pulls++)
        continue
      }
      pulls = 0
      this.#ready = false
      this.#started = false
      this.#process = undefined
      if (signal.aborted || !this.#mayRunAgain(ended.terminated!.exitCode)) {
        this.#state = ended
        this.#finished = true
        this.#options.changed()
        return
      }
      if (system.clock.monotonic() - began >= FORGIVEN_AFTER_MS) crashes = 0
      const delay = backOff(crashes++, FIRST_BACK_OFF_MS, LONGEST_BACK_OFF_MS)
      const { name, namespace } = pod.metadata
      const message = `back-off ${delay}ms restarting failed container=${container.name} pod=${name}_${namespace}`
      this.#lastState = ended
      this.#state = { waiting: { reason: 'CrashLoopBackOff', message } }
      this.#options.changed()
      event('Warning', 'BackOff', `Back-off restarting failed container ${container.name}`)
      try {
        await sleep(system.clock, delay, signal)
      } catch {
        // Stopped while it waits: as it ended, so it stays.
        this.#state = ended
        this.#finished = true
        return
      }
      this.#restartCount++
    }
  }

  /** Waits for what may yet come. @returns undefined when there is nothing to wait for, or it was stopped */
  async #prepared(): Promise<Omit<ContainerSpec, 'output'> | undefined> {
    const { signal } = this.#stopping
    for (let attempts = 0; !signal.aborted; attempts++) {
      const spec = await this.#prepare()
      if (spec !== 'later') return spec
      const delay = backOff(attempts, FIRST_RETRY_MS, LONGEST_RETRY_MS)
      await sleep(this.#options.system.clock, delay, signal).catch(() => {})
    }
    return undefined
  }

  async #prepare(): Promise<Omit<ContainerSpec, 'output'> | 'later' | undefined> {
    try {
      const spec = await this.#options.prepare()
      checkProbes(this.#probeContext(undefined))
      return spec
    } catch (error) {
      if (!(error instanceof ContainerConfigError)) throw error
      this.#wait(error.code, error.message)
      return error instanceof MissingReferenceError ? 'later' : undefined
    }
  }

  /** The manifest is at fault: nothing changes until it does. */
  #wait(reason: string, message: string): void {
    const before = this.#state.waiting
    // Said once, not at every attempt.
    if (before?.reason === reason && before.message === message) return
    this.#state = { waiting: { reason, message } }
    this.#options.changed()
    this.#options.event('Warning', 'Failed', `Error: ${message}`)
  }

  /** Runs it once. @returns the state that it ended in; undefined when it never can run; `later` when it has no image yet */
  async #once(spec: Omit<ContainerSpec, 'output'>): Promise<ContainerState | 'later' | undefined> {
    const { runs, system, logFile, container, changed, event } = this.#options
    const startedAt = rfc3339(system.clock.now())
    const terminated = (exitCode: number, reason: string, message?: string): ContainerState => ({
      terminated: {
        exitCode,
        reason,
        ...(message !== undefined && message !== '' && { message }),
        startedAt,
        finishedAt: rfc3339(system.clock.now()),
      },
    })
    let process: RunningContainer
    try {
      process = await runs().run({ ...spec, output: (chunk) => logFile.append(chunk) })
    } catch (error) {
      const { message } = error as Error
      if (error instanceof RunnerError && error.code === 'unsupported') {
        this.#wait('CreateContainerConfigError', message)
        return undefined
      }
      const reason = error instanceof RunnerError ? PULL_REASONS[error.code] : undefined
      if (reason !== undefined) {
        event('Warning', 'Failed', `Failed to pull image "${container.image ?? ''}": ${message}`)
        this.#state = { waiting: { reason, message } }
        changed()
        return 'later'
      }
      event('Warning', 'Failed', `Error: ${message}`)
      return terminated(START_FAILED, 'StartError', message)
    }
    this.#process = process
    if (this.#stopping.signal.aborted) void process.kill(this.#graceMs)
    this.#state = { running: { startedAt } }
    changed()
    event('Normal', 'Started', `Started container ${container.name}`)

    const ended = new AbortController()
    const watching = watchProbes(this.#probeContext(process), this.#reports(process), ended.signal)
    const exit = await process.exited
    ended.abort()
    await watching
    const exitCode = exitCodeOf(exit)
    if (exit.oomKilled) return terminated(exitCode, 'OOMKilled', 'the memory limit was reached')
    if (exitCode === 0) return terminated(0, 'Completed')
    return terminated(exitCode, 'Error', await logFile.tail(MESSAGE_BYTES))
  }

  /** Kubernetes' pauses: 10 s, doubled up to 5 min. */
  async #backOffFromPull(attempts: number): Promise<void> {
    const { system, container, changed, event } = this.#options
    const { signal } = this.#stopping
    // So that people see what is wrong before they see that it is waited.
    await sleep(system.clock, PULL_ERROR_SHOWN_MS, signal).catch(() => {})
    if (signal.aborted) return
    if (this.#state.waiting?.reason === 'ErrImagePull') {
      const said = `Back-off pulling image "${container.image ?? ''}"`
      const message = `${said}: ErrImagePull: ${this.#state.waiting.message ?? ''}`
      this.#state = { waiting: { reason: 'ImagePullBackOff', message } }
      changed()
      event('Normal', 'BackOff', said)
    }
    const delay = backOff(attempts, FIRST_PULL_RETRY_MS, LONGEST_BACK_OFF_MS)
    await sleep(system.clock, delay, signal).catch(() => {})
  }

  #reports(process: RunningContainer): ProbeReports {
    const { container, changed, event, pod } = this.#options
    return {
      started: () => {
        this.#started = true
        changed()
      },
      ready: (ready) => {
        if (this.#ready === ready || this.#process !== process) return
        this.#ready = ready
        changed()
      },
      unhealthy: (kind, message) => event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      dead: () => {
        event('Normal', 'Killing', `Container ${container.name} failed its probe, will be restarted`)
        void process.kill(Math.min(MOST_PROBE_GRACE_S, pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000)
      },
    }
  }

  /** @param process what runs; undefined before it does */
  #probeContext(process: RunningContainer | undefined): ProbeContext {
    const { container, runs, system } = this.#options
    return {
      container,
      pod: runs(),
      system,
      exec: async (command, signal) => process && execProbe(process, command, signal),
    }
  }

  #mayRunAgain(exitCode: number): boolean {
    switch (this.#options.pod.spec.restartPolicy ?? 'Always') {
      case 'Always':
        return true
      case 'OnFailure':
        return exitCode !== 0
      case 'Never':
        return false
    }
  }
}

async function execProbe(
  container: RunningContainer,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (command.length === 0) return undefined
  let output = ''
  const process = await container.exec({
    command,
    output: (chunk) => {
      if (output.length < MESSAGE_BYTES) output += chunk.toString()
    },
  })
  const kill = (): void => void process.kill(0)
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  const exit = await process.exited
  signal.removeEventListener('abort', kill)
  return exit.code === 0 ? undefined : `${command[0]}: ${output.trim() || `exit code ${exitCodeOf(exit)}`}`
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGFPE: 8,
  SIGKILL,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
}

/** As shells and Kubernetes count: 128 and the signal's number. */
function exitCodeOf({ code, signal }: ProcessExit): number {
  return code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? SIGKILL)
}
