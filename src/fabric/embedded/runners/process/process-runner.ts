/**
 * Runs commands as real processes on this machine, with the best limits and isolation that it offers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve as resolvePath } from 'node:path'
import type { Log } from '../../../../kernel/log.ts'
import { sleep, type System } from '../../../../kernel/system.ts'
import { type Cgroups, killTree, openCgroups } from './cgroups.ts'
import { shortHash } from '../../names.ts'
import {
  type ContainerSpec,
  type Enforces,
  type PodSpecToRun,
  type ProcessExit,
  type ProcessGroup,
  type ProcessLimits,
  type Runner,
  RunnerError,
  type RunningContainer,
  type RunningPod,
  type RunningProcess,
} from '../../runner.ts'
import { Identities } from '../identities.ts'
import { Prober } from '../prober.ts'
import { drainOutput, killUntilGone, signalProcess } from '../programs.ts'
import { findIsolation, type Isolation, makeRoot, programPath, SYSTEM_PATH } from './isolation.ts'
import { MemoryWatchdog } from './memory-watchdog.ts'
import { openProcessTrees, type ProcessTrees } from './process-trees.ts'

export interface ProcessRunnerOptions {
  /** The fabric's own; a runner and its next life find each other by it. */
  readonly directory: string
  readonly system: System
  readonly log: Log
  /** False does without control groups, as on machines that have none. */
  readonly cgroups?: boolean
  /** Paths that programs must not see, even where they can only run as the daemon's own user. */
  readonly hidden?: readonly string[]
}

/** Enters the limits, then becomes the command. First argument: how many files to write its own id into. */
const ENTER_CGROUPS =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 125; shift; n=$((n-1)); done; exec "$@"'
/**
 * Without control groups. Argument: number of processes, `-` for no limit. Sets no limit of memory: what a
 * process can have limited is the address space that it reserves, of which many (V8, Go, Java) reserve far
 * more than they ever use, and they abort if they may not. But should the machine run out of memory
 * between two looks of the watchdog, the kernel is to take these first.
 */
const ENTER_PRIORITY = [
  'if [ "$1" != - ]; then { ulimit -u "$1" || ulimit -p "$1"; } 2>/dev/null || :; fi; shift',
  '{ echo 1000 > /proc/$$/oom_score_adj; } 2>/dev/null || :',
  'exec nice -n 10 "$@"',
].join('; ')

/** Marks what we started, for our next life. */
const MARK = 'TRIBUTARY_RUNNER'
/** A program that was started longer ago hears what it is told. */
const DEAF_MS = 5_000
const ASK_AGAIN_MS = 500
/** For those that state no other: enough for any honest program, too few for a fork bomb. */
const DEFAULT_PIDS = 1_024
/** For all programs of one user together, where each contract has a user. */
const USER_PIDS = 8_192

interface Program {
  readonly id: string
  readonly group: ProcessGroup
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workingDirectory: string
  readonly limits: ProcessLimits
  readonly output: ContainerSpec['output']
}

export class ProcessRunner implements Runner {
  readonly name = 'process'
  readonly #directory: string
  readonly #system: System
  readonly #log: Log
  readonly #mark: string
  readonly #useCgroups: boolean
  readonly #hidden: readonly string[]
  readonly #running = new Set<RunningProcess>()
  #cgroups: Cgroups | undefined
  /** Without control groups. */
  #trees: ProcessTrees | undefined
  #watchdog: MemoryWatchdog | undefined
  #limitsBy = 'unknown'
  #isolation: Isolation | undefined
  readonly #identities: Identities
  #starting: Promise<void> | undefined
  #abort = new AbortController()
  readonly #prober = new Prober()

  constructor({ directory, system, log, cgroups = true, hidden = [] }: ProcessRunnerOptions) {
    this.#hidden = hidden
    this.#useCgroups = cgroups
    this.#directory = directory
    this.#identities = new Identities(directory)
    this.#system = system
    this.#log = log.child({ component: 'process-runner' })
    this.#mark = shortHash(directory, 16)
  }

  get enforcement(): string {
    return this.#limitsBy
  }

  get isolation(): string {
    return this.#isolation?.description ?? 'unknown'
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    this.#abort = new AbortController()
    await mkdir(this.#directory, { recursive: true, mode: 0o711 })
    await this.#endEarlierLife()
    this.#cgroups = this.#useCgroups ? openCgroups(`tributary-${this.#mark}`) : undefined
    if (this.#cgroups !== undefined) {
      await writeFile(this.#stateFile(), JSON.stringify({ roots: this.#cgroups.roots }))
    }
    this.#trees = this.#cgroups === undefined ? openProcessTrees() : undefined
    this.#watchdog =
      this.#trees && new MemoryWatchdog({ trees: this.#trees, system: this.#system, log: this.#log })
    this.#limitsBy = this.#cgroups?.version ?? this.#watchdog?.description ?? 'none (CPU by priority only)'
    this.#isolation = await findIsolation(
      this.#directory,
      this.#hidden,
      this.#system,
      this.#log,
      this.#abort.signal,
      this.#identities,
    )
    // What pods left there belongs to an earlier life.
    await rm(this.#isolation.root, { recursive: true, force: true })
    await makeRoot(this.#isolation.root)
    const { enforcement, isolation } = this
    if (this.#isolation.ownUser) {
      this.#log.warn({ enforcement, isolation }, "programs run as the daemon's own user")
    } else {
      this.#log.info({ enforcement, isolation }, 'ready to run programs')
    }
  }

  async stop(): Promise<void> {
    if (this.#starting === undefined) return
    this.#abort.abort(new RunnerError('stopped', 'the runner is stopping'))
    await this.#starting.catch(() => {})
    await Promise.all(Array.from(this.#running, (process) => process.kill(0)))
    if (this.#cgroups?.remove('') === true) await rm(this.#stateFile(), { force: true })
    if (this.#isolation !== undefined) await rm(this.#isolation.root, { recursive: true, force: true })
    await this.#prober.stop()
    this.#watchdog?.stop()
    this.#watchdog = undefined
    this.#trees = undefined
    this.#cgroups = undefined
    this.#starting = undefined
  }

  get enforces(): Enforces {
    const cgroups = this.#cgroups
    const memory = cgroups ? 'kernel' : this.#watchdog ? 'watched' : 'none'
    return {
      cpu: cgroups ? 'kernel' : 'none',
      memory,
      pids: cgroups && !cgroups.missing.includes('pids') ? 'kernel' : 'none',
      disk: 'none',
      network: 'shared',
      egress: ['all'],
      images: false,
      files: 'shared',
    }
  }

  async makePod(pod: PodSpecToRun): Promise<RunningPod> {
    const { uid, group, address } = pod
    const home = await this.#makeDirectory(uid, group.id)
    const running = new Set<RunningProcess>()
    const begin = async (program: Program): Promise<RunningProcess> => {
      const process = await this.#run(program)
      running.add(process)
      void process.exited.then(() => running.delete(process))
      return process
    }
    let execs = 0
    const reach = (port: number) => ({ host: address, port })
    return {
      runner: 'process',
      images: false,
      address,
      home,
      path: programPath(),
      reach,
      probe: (target, signal) => this.#prober.probe(target, reach(target.port), signal),
      run: async (spec): Promise<RunningContainer> => {
        const program = programOf(spec, group, home)
        const process = await begin(program)
        return {
          ...process,
          exec: ({ command, output }) =>
            begin({ ...program, id: `${spec.id}.exec-${execs++}`, command, output }),
        }
      },
      remove: async () => {
        await Promise.all(Array.from(running, (process) => process.kill(0)))
        await rm(home, { recursive: true, force: true })
      },
    }
  }

  async #makeDirectory(podUid: string, group: string): Promise<string> {
    const isolation = this.#started()
    const directory = join(isolation.root, podUid)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const user = isolation.userOf(group)
      if (user !== undefined) await chown(directory, user, user)
    } catch (error) {
      throw new RunnerError('directory-failed', `no directory for the pod: ${(error as Error).message}`, {
        cause: error,
      })
    }
    return directory
  }

  async removeGroup(group: string): Promise<void> {
    await this.#empty(group)
    this.#cgroups?.remove(group)
    this.#identities.release(group)
  }

  async #run(spec: Program): Promise<RunningProcess> {
    const isolation = this.#started()
    const group = `${spec.group.id}/${spec.id}`
    const command = isolation.wrap({
      group: spec.group.id,
      command: spec.command,
      env: { ...spec.env, [MARK]: this.#mark },
      directory: spec.workingDirectory,
    })
    const argv = ['/bin/sh', '-c', ...this.#limited(group, spec, isolation), ...command]
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: '/',
      env: { PATH: SYSTEM_PATH, [MARK]: this.#mark },
      // A session and process group of its own: signals reach all of it, and none of ours reach it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => {
        this.#cgroups?.remove(group)
        reject(new RunnerError('spawn-failed', `cannot start a process: ${error.message}`, { cause: error }))
      })
    })
    const running = this.#supervise(child, group, spec)
    this.#running.add(running)
    void running.exited.then(() => this.#running.delete(running))
    return running
  }

  #started(): Isolation {
    if (this.#isolation === undefined || this.#abort.signal.aborted) {
      throw new RunnerError('stopped', 'the runner is not started')
    }
    return this.#isolation
  }

  #stateFile(): string {
    return join(this.#directory, 'cgroups.json')
  }

  /** @returns the script that puts a process under its limits, with its arguments */
  #limited(group: string, { group: whole, limits }: Program, isolation: Isolation): readonly string[] {
    const cgroups = this.#cgroups
    if (cgroups === undefined) {
      // The kernel counts all processes of a user: also the operator's own, where there is no other user.
      const pids = isolation.userPerGroup ? String(whole.limits.pids ?? USER_PIDS) : '-'
      return [ENTER_PRIORITY, 'tributary-run', pids]
    }
    cgroups.make(whole.id, whole.limits)
    cgroups.make(group, { pids: DEFAULT_PIDS, ...limits })
    const entries = cgroups.entries(group)
    return [ENTER_CGROUPS, 'tributary-run', String(entries.length), ...entries]
  }

  #supervise(child: ChildProcess, group: string, spec: Program): RunningProcess {
    const pid = child.pid!
    const output = Promise.all([
      drainOutput(child.stdout!, spec.output),
      drainOutput(child.stderr!, spec.output),
    ])
    const ended = new AbortController()
    this.#trees?.add(pid)
    const watch = this.#watchdog?.watch({ pid, group: spec.group, limits: spec.limits })
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('exit', (code, signal) => {
        ended.abort()
        watch?.end()
        const exceeded = watch?.exceeded ?? (this.#cgroups?.oomKills(group) ?? 0) > 0
        const oomKilled = exceeded && (signal === 'SIGKILL' || code === 137)
        void this.#cleanUp(pid, group)
          .then(async () => {
            // Somebody who escaped could hold the pipes open for ever.
            await Promise.race([output, sleep(this.#system.clock, 1_000)])
            child.stdout!.destroy()
            child.stderr!.destroy()
          })
          .catch((error: unknown) => this.#log.warn({ err: error, group }, 'not cleaned up after a program'))
          .finally(() => resolve({ code, signal, oomKilled }))
      })
    })
    let deadline: { readonly at: number; cancel(): void } | undefined
    const signal = (name: NodeJS.Signals): void => {
      const trees = this.#uncontained()
      if (trees === undefined) {
        signalGroup(pid, name)
        return
      }
      // First look at whom it started: they are found no more when it has left them behind.
      void trees
        .look()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'processes cannot be looked at'))
        .then(() => {
          if (!ended.signal.aborted) signalGroup(pid, name)
        })
    }
    const startedAt = this.#system.clock.monotonic()
    const askToEnd = (): void => {
      const { clock } = this.#system
      signal('SIGTERM')
      // A program that has hardly been started may not be there yet to hear it: its helpers are deaf.
      if (clock.monotonic() - startedAt > DEAF_MS) return
      const again = clock.after(ASK_AGAIN_MS, askToEnd)
      ended.signal.addEventListener('abort', () => again.cancel())
    }
    const kill = (graceMs: number): Promise<ProcessExit> => {
      const { clock } = this.#system
      const at = clock.monotonic() + graceMs
      if (ended.signal.aborted || (deadline !== undefined && deadline.at <= at)) return exited
      if (deadline === undefined && graceMs > 0) askToEnd()
      deadline?.cancel()
      const force = (): void => {
        this.#cgroups?.kill(group)
        signal('SIGKILL')
      }
      if (graceMs <= 0) {
        deadline = { at, cancel() {} }
        force()
      } else {
        const timer = clock.after(graceMs, force)
        deadline = { at, cancel: () => timer.cancel() }
        ended.signal.addEventListener('abort', () => timer.cancel())
      }
      return exited
    }
    return { containerID: `process://${spec.id}/${pid}`, pid, exited, kill }
  }

  /** Ends what a program left behind, and takes its group away. */
  async #cleanUp(pid: number, group: string): Promise<void> {
    if (this.#cgroups === undefined) {
      signalGroup(pid, 'SIGKILL')
      try {
        const left = (await this.#uncontained()?.look())?.get(pid) ?? []
        for (const member of left) signalProcess(member.pid, 'SIGKILL')
      } finally {
        this.#trees?.remove(pid)
      }
      return
    }
    await this.#empty(group)
    if (!this.#cgroups.remove(group)) this.#log.debug({ group }, 'group not removed')
  }

  /** @returns undefined where what a program started ends with it */
  #uncontained(): ProcessTrees | undefined {
    return this.#isolation?.contained === true ? undefined : this.#trees
  }

  async #empty(group: string): Promise<void> {
    const isGone = await killUntilGone(() => this.#cgroups?.kill(group) !== false, this.#system.clock)
    if (!isGone) throw new Error('processes do not die')
  }

  /** Programs that an earlier life of this daemon left running are ended: their pods start them again. */
  async #endEarlierLife(): Promise<void> {
    const roots = new Set<string>(openCgroups(`tributary-${this.#mark}`)?.roots)
    try {
      const state = JSON.parse(await readFile(this.#stateFile(), 'utf8')) as { roots?: readonly string[] }
      for (const root of state.roots ?? []) if (root.includes(this.#mark)) roots.add(root)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#log.warn({ err: error }, 'the list of control groups cannot be read')
      }
    }
    await killUntilGone(() => Array.from(roots, killTree).every(Boolean), this.#system.clock)
    const marked = await this.#markedProcesses()
    for (const pid of marked) {
      signalGroup(pid, 'SIGKILL')
      signalProcess(pid, 'SIGKILL')
    }
    if (marked.length > 0)
      this.#log.warn({ pids: marked }, 'ended programs that an earlier life left running')
  }

  async #markedProcesses(): Promise<readonly number[]> {
    if (!existsSync('/proc/self/environ')) return []
    const wanted = `${MARK}=${this.#mark}`
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    const found = await Promise.all(
      pids.map(async (pid) => {
        try {
          return (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0').includes(wanted)
        } catch {
          // Gone, or not ours to look at.
          return false
        }
      }),
    )
    return pids.filter((_, index) => found[index]).map(Number)
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  signalProcess(-pid, signal)
}

/** @throws RunnerError for what would silently not be there: better not to start at all */
function programOf(spec: ContainerSpec, group: ProcessGroup, home: string): Program {
  const { id, name, image, command = [], args = [], env, limits, output, mounts, workingDirectory } = spec
  const unsupported = (what: string): RunnerError =>
    new RunnerError('unsupported', `container "${name}": ${what}`)
  if (command.length === 0) {
    throw unsupported(
      'has no command: this node runs commands, not images' +
        (image === undefined ? '' : ` (image "${image}" is not pulled)`),
    )
  }
  const { runAsUser, runAsGroup, readOnlyRootFilesystem } = spec.security
  if (runAsUser !== undefined || runAsGroup !== undefined || readOnlyRootFilesystem === true) {
    throw unsupported(
      'securityContext: a user, a group or a root of its own is nothing that a process here has',
    )
  }
  if (mounts.length > 0) throw unsupported('volumeMounts are not supported where pods run as processes')
  if (workingDirectory?.split('/').includes('..')) {
    throw unsupported(`workingDir "${workingDirectory}" leads out of the pod's directory`)
  }
  return {
    id,
    group,
    command: [...command, ...args],
    env,
    limits,
    output,
    workingDirectory: resolvePath(home, `./${workingDirectory ?? ''}`),
  }
}
