/** One pod in a sandbox: its holder, its forwarder, its containers. For `sandbox-runner.ts` only. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { resolve as resolvePath } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Log } from '../../../../kernel/log.ts'
import { deadline, sleep, type System } from '../../../../kernel/system.ts'
import {
  type ContainerSpec,
  type PodSpecToRun,
  type ProbeTarget,
  type ProcessExit,
  type ProcessLimits,
  RunnerError,
  type RunningContainer,
  type RunningProcess,
} from '../../runner.ts'
import { drainOutput, killUntilGone, signalProcess } from '../programs.ts'
import { forwarded, probeForwarded } from '../forwarded.ts'
import type { Prober } from '../prober.ts'
import type { Cgroups } from '../process/cgroups.ts'
import { SYSTEM_PATH } from '../process/isolation.ts'
import type { MemoryWatchdog } from '../process/memory-watchdog.ts'
import type { ProcessTrees } from '../process/process-trees.ts'
import {
  containerCommand,
  enterCommand,
  environmentArguments,
  forwarderCommand,
  holderCommand,
  SANDBOX_PATH,
} from './bubblewrap.ts'
import { childrenOf, descendantsOf } from './descendants.ts'
import { FORWARDER } from './forwarder.ts'

export interface SandboxSurroundings {
  readonly tools: Readonly<Record<'bwrap' | 'nsenter' | 'setpriv' | 'sh', string>>
  readonly node: string
  readonly system: System
  readonly log: Log
  readonly prober: Prober
  readonly cgroups: Cgroups | undefined
  readonly trees: ProcessTrees | undefined
  readonly watchdog: MemoryWatchdog | undefined
}

export interface SandboxPodOptions {
  readonly spec: PodSpecToRun
  /** A directory of this machine for the sockets of its ports; of the guest's user, seen by no container. */
  readonly place: string
  /** Undefined for our own, which the user namespace makes powerless. */
  readonly user: number | undefined
  /** Of what it writes beside volumes with a size of their own. */
  readonly diskBytes: number
  /** Processes and threads of its own. */
  readonly pids: number
}

/** Enters the limits, then becomes the command. First argument: how many files to write its own id into. */
const ENTER_CGROUPS =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 125; shift; n=$((n-1)); done; exec "$@"'
/** Inside the holder's user namespace the kernel counts the processes of this pod only. */
const LIMIT_PROCESSES = '{ ulimit -u "$1" || ulimit -p "$1"; } 2>/dev/null || :; shift; exec "$@"'
const START_LIMIT_MS = 20_000
const ASK_AGAIN_MS = 200
const DRAIN_LIMIT_MS = 1_000
const DEFAULT_PIDS = 1_024
const HOME = '/home'
/** Where a pod that has a network of its own listens: as every container does, on all its addresses. */
const ADDRESS = '127.0.0.1'
const KINDS = { empty: 'empty', files: 'files' } as const

export class SandboxPod {
  readonly address = ADDRESS
  readonly home = HOME
  readonly path = SANDBOX_PATH
  readonly #around: SandboxSurroundings
  readonly #options: SandboxPodOptions
  readonly #running = new Set<RunningProcess>()
  #holder: ChildProcess | undefined
  /** Of the holder's first process, as this machine counts. */
  #pid = 0
  #removed: Promise<void> | undefined
  #execs = 0

  constructor(around: SandboxSurroundings, options: SandboxPodOptions) {
    this.#around = around
    this.#options = options
  }

  async start(): Promise<void> {
    const { spec, place, diskBytes } = this.#options
    const { tools, node, system } = this.#around
    const files = spec.volumes.flatMap((each) =>
      each.kind === 'files' ? [[each.name, each.directory] as const] : [],
    )
    const command = holderCommand(tools.bwrap, {
      hostname: spec.hostname,
      diskBytes,
      node,
      sockets: place,
      volumes: spec.volumes.filter((each) => each.kind === 'empty'),
      files: new Map(files),
      infoFd: 3,
    })
    const limit = deadline(system.clock, START_LIMIT_MS)
    try {
      const holder = this.#spawn([...this.#asGuest(), ...command], 'holder', {}, [
        'pipe',
        'pipe',
        'pipe',
        'pipe',
      ])
      this.#holder = holder
      this.#pid = await firstPid(holder, limit.signal)
      if (spec.ports.length > 0) await this.#forward(limit.signal)
    } finally {
      limit.done()
    }
  }

  async run(spec: ContainerSpec): Promise<RunningContainer> {
    const process = this.#begin(spec)
    const exec: RunningContainer['exec'] = ({ command, output }) =>
      Promise.resolve(
        this.#begin({ ...spec, id: `${spec.id}.exec-${this.#execs++}`, command, args: [], output }),
      )
    return { ...process, exec }
  }

  reach(port: number): ReturnType<typeof forwarded> | undefined {
    if (this.#removed !== undefined || !this.#options.spec.ports.includes(port)) return undefined
    return forwarded(this.#options.place, port)
  }

  probe(target: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
    return probeForwarded(this.#around.prober, target, this.reach(target.port), signal)
  }

  /** When its first process is gone, the kernel has ended all. */
  remove(): Promise<void> {
    this.#removed ??= (async () => {
      await Promise.all(Array.from(this.#running, (process) => process.kill(0)))
      const holder = this.#holder
      if (holder !== undefined && holder.exitCode === null && holder.signalCode === null) {
        const gone = once(holder, 'exit')
        kill(this.#pid, 'SIGKILL')
        holder.kill('SIGKILL')
        await gone
      }
      await this.#empty(`${this.#options.spec.group.id}/${this.#name('holder')}`)
      await rm(this.#options.place, { recursive: true, force: true })
    })()
    return this.#removed
  }

  async #forward(signal: AbortSignal): Promise<void> {
    const { tools } = this.#around
    const { ports } = this.#options.spec
    const command = forwarderCommand(tools.bwrap, FORWARDER, ports)
    const child = this.#spawn([...this.#enter(DEFAULT_PIDS), ...command], 'holder', {}, [
      'ignore',
      'pipe',
      'pipe',
    ])
    let said = ''
    const ready = new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said = (said + chunk.toString()).slice(-2_000)
        if (said.includes('ready\n')) resolve()
      }
      child.stdout!.on('data', hear)
      child.stderr!.on('data', hear)
      child.once('exit', () => reject(new Error(`the forwarder ended: ${said.trim()}`)))
      signal.addEventListener('abort', () => reject(new Error(`the forwarder is not ready: ${said.trim()}`)))
    })
    await ready
  }

  #begin(spec: ContainerSpec): RunningProcess {
    if (this.#removed !== undefined) throw new RunnerError('stopped', 'the pod is ending')
    const { tools, system, watchdog, trees } = this.#around
    const { group } = this.#options.spec
    const pids = Math.min(spec.limits.pids ?? Infinity, this.#options.pids)
    const inside = containerCommand({
      bwrap: tools.bwrap,
      envFd: 3,
      directory: resolvePath(HOME, spec.workingDirectory ?? '.'),
      user: spec.security.runAsUser,
      group: spec.security.runAsGroup,
      readOnly: spec.security.readOnlyRootFilesystem === true,
      mounts: this.#mounts(spec),
      command: commandOf(spec),
    })
    const child = this.#spawn([...this.#enter(pids), ...inside], spec.id, spec.limits, [
      'ignore',
      'pipe',
      'pipe',
      'pipe',
    ])
    const environment = child.stdio[3] as Writable
    environment.on('error', () => {})
    environment.end(environmentArguments(spec.env))
    const pid = child.pid!
    trees?.add(pid)
    const watch = watchdog?.watch({ pid, group, limits: spec.limits })
    const output = Promise.all([
      drainOutput(child.stdout!, spec.output),
      drainOutput(child.stderr!, spec.output),
    ])
    const cgroup = `${group.id}/${this.#name(spec.id)}`
    let ended = false
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('exit', (code, signal) => {
        ended = true
        watch?.end()
        const exceeded = watch?.exceeded ?? (this.#around.cgroups?.oomKills(cgroup) ?? 0) > 0
        const oomKilled = exceeded && (signal === 'SIGKILL' || code === 137)
        void this.#empty(cgroup)
          .then(() => Promise.race([output, sleep(system.clock, DRAIN_LIMIT_MS)]))
          .catch((error: unknown) => this.#around.log.warn({ err: error }, 'not cleaned up after a program'))
          .finally(() => {
            trees?.remove(pid)
            child.stdout!.destroy()
            child.stderr!.destroy()
            resolve({ code, signal, oomKilled })
          })
      })
    })
    const running: RunningProcess = {
      containerID: `bubblewrap://${spec.id}/${pid}`,
      pid,
      exited,
      kill: killer(system, exited, () => ended, {
        ask: () => {
          for (const each of guestsBelow(pid)) kill(each, 'SIGTERM')
        },
        force: () => {
          this.#around.cgroups?.kill(cgroup)
          for (const each of [...descendantsOf(pid), pid]) kill(each, 'SIGKILL')
        },
      }),
    }
    this.#running.add(running)
    void exited.then(() => this.#running.delete(running))
    return running
  }

  #mounts(spec: ContainerSpec) {
    const { volumes } = this.#options.spec
    return spec.mounts.map((mount) => {
      const volume = volumes.find(({ name }) => name === mount.volume)
      if (volume === undefined) {
        throw new RunnerError('unsupported', `container "${spec.name}": there is no volume "${mount.volume}"`)
      }
      // What a guest can write, it can make a link of, that leads elsewhere.
      if (volume.kind === 'empty' && mount.subPath !== undefined) {
        throw new RunnerError(
          'unsupported',
          `container "${spec.name}": no subPath of an emptyDir in a sandbox`,
        )
      }
      return { ...mount, kind: KINDS[volume.kind] }
    })
  }

  /** @returns what makes a command the guest's on this machine */
  #asGuest(): readonly string[] {
    const { user } = this.#options
    const { setpriv } = this.#around.tools
    const identity = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    return [setpriv, '--no-new-privs', ...identity, '--']
  }

  #enter(pids: number): readonly string[] {
    const { nsenter, sh } = this.#around.tools
    return [
      ...this.#asGuest(),
      ...enterCommand(nsenter, this.#pid),
      ...[sh, '-c', LIMIT_PROCESSES, 'tributary-sandbox', String(pids)],
    ]
  }

  #name(id: string): string {
    return id === 'holder' ? `${this.#options.spec.uid}.holder` : id
  }

  #spawn(
    command: readonly string[],
    id: string,
    limits: ProcessLimits,
    stdio: ('pipe' | 'ignore')[],
  ): ChildProcess {
    const { cgroups, tools } = this.#around
    const path = `${this.#options.spec.group.id}/${this.#name(id)}`
    cgroups?.make(path, { pids: DEFAULT_PIDS, ...limits })
    const entries = cgroups?.entries(path) ?? []
    const argv = ['-c', ENTER_CGROUPS, 'tributary-sandbox', String(entries.length), ...entries, ...command]
    const child = spawn(tools.sh, argv, { cwd: '/', env: { PATH: SYSTEM_PATH }, detached: true, stdio })
    child.on('error', (error) => this.#around.log.warn({ err: error }, 'a sandbox could not be started'))
    for (const stream of child.stdio) stream?.on('error', () => {})
    if (child.pid === undefined) throw new RunnerError('spawn-failed', 'cannot start a process')
    return child
  }

  async #empty(group: string): Promise<void> {
    const { cgroups, system } = this.#around
    const isGone = await killUntilGone(() => cgroups?.kill(group) !== false, system.clock)
    if (!isGone) throw new Error('processes do not die')
    cgroups?.remove(group)
  }
}

/** @throws RunnerError */
function commandOf({ name, image, command = [], args = [] }: ContainerSpec): readonly string[] {
  if (command.length > 0) return [...command, ...args]
  const about = image === undefined ? '' : ` (image "${image}" is not pulled)`
  throw new RunnerError(
    'unsupported',
    `container "${name}": has no command: this node runs commands, not images${about}`,
  )
}

/**
 * A container is a chain: `nsenter`, `bwrap` outside, `bwrap` as first process inside, the guest's program. Only what
 * is below that is the guest's, and is asked to end.
 */
function guestsBelow(pid: number): readonly number[] {
  const [outside] = childrenOf(pid)
  const [first] = outside === undefined ? [] : childrenOf(outside)
  return first === undefined ? [] : descendantsOf(first)
}

function killer(
  { clock }: System,
  exited: Promise<ProcessExit>,
  hasEnded: () => boolean,
  { ask, force }: { readonly ask: () => void; readonly force: () => void },
): RunningProcess['kill'] {
  let until = Infinity
  return (graceMs) => {
    const at = clock.monotonic() + graceMs
    if (hasEnded() || at >= until) return exited
    const isFirst = until === Infinity
    until = at
    void (async () => {
      // Whoever has just been started does not hear it yet.
      for (let asked = false; !hasEnded() && clock.monotonic() < until && until === at; asked = true) {
        if (!asked && (isFirst || graceMs > 0)) ask()
        await sleep(clock, Math.max(1, Math.min(ASK_AGAIN_MS, until - clock.monotonic())))
      }
      while (!hasEnded() && until === at) {
        force()
        await sleep(clock, ASK_AGAIN_MS)
      }
    })()
    return exited
  }
}

/** @returns the id of the holder's first process. @throws Error when there will be none */
async function firstPid(holder: ChildProcess, signal: AbortSignal): Promise<number> {
  let complaint = ''
  holder.stderr!.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2_000)
  })
  holder.stdout!.resume()
  let info = ''
  const onAbort = (): void => void holder.kill('SIGKILL')
  signal.addEventListener('abort', onAbort)
  for await (const chunk of holder.stdio[3] as Readable) {
    info += (chunk as Buffer).toString()
    const found = /"child-pid": (\d+)[^]*\}/.exec(info)
    if (found) return waitForHolder(Number(found[1]), holder, signal)
  }
  throw new Error(complaint.trim() || 'bwrap ended')
}

/** It is there when it has become `cat`: before that its root is not made yet. */
async function waitForHolder(pid: number, holder: ChildProcess, signal: AbortSignal): Promise<number> {
  // `cat` gives back what it gets.
  const answered = once(holder.stdout!, 'data', { signal })
  const ended = once(holder, 'exit', { signal }).then(() => {
    throw new Error('bwrap ended')
  })
  holder.stdin!.write('.')
  await Promise.race([answered, ended])
  return pid
}

/** Until its first process is known, a pod has the id 0, which to the kernel means our own group. */
function kill(pid: number, signal: NodeJS.Signals): void {
  if (pid > 1) signalProcess(pid, signal)
}
