/**
 * Runs pods in sandboxes of bubblewrap (`bwrap`): for programs of others, on machines without a container engine, as
 * root and as an ordinary user. What a sandbox is made of is in `bubblewrap.ts`, what runs in it in `sandbox-pod.ts`.
 *
 * As root a guest is a user of this machine that nobody else is (`identities.ts`) before anything of its own is looked
 * at; so both ways are the same but for that.
 */
import { existsSync } from 'node:fs'
import { chmod, chown, copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Log } from '../../../../kernel/log.ts'
import type { System } from '../../../../kernel/system.ts'
import { shortHash } from '../../names.ts'
import {
  type Enforces,
  type PodSpecToRun,
  type ProcessGroup,
  type ProcessLimits,
  type Runner,
  RunnerError,
  type RunningPod,
} from '../../runner.ts'
import type { GroupBudgets, Share } from '../group-budgets.ts'
import { Identities } from '../identities.ts'
import { Prober } from '../prober.ts'
import { killUntilGone } from '../programs.ts'
import { type Cgroups, killTree, openCgroups } from '../process/cgroups.ts'
import { findTool, makeRoot } from '../process/isolation.ts'
import { MemoryWatchdog } from '../process/memory-watchdog.ts'
import { openProcessTrees, type ProcessTrees } from '../process/process-trees.ts'
import { SandboxPod, type SandboxSurroundings } from './sandbox-pod.ts'

export interface SandboxRunnerOptions {
  /** The fabric's own; a runner and its next life find each other by it. */
  readonly directory: string
  readonly system: System
  readonly log: Log
  /** What groups may have; shared with other runners that pods of the same groups run in. */
  readonly budgets: GroupBudgets
  /** False does without control groups, as on machines that have none. */
  readonly cgroups?: boolean
  /** Where the users of guests are written down. */
  readonly identities?: Identities
}

/** What our forwarder may take for each pod, besides what its contract gives: it is the seller's. */
const FORWARDER_BYTES = 96 * 1024 * 1024
const FORWARDER_PIDS = 24
/** Of one pod, at least. */
const LEAST_PIDS = 32
const SMALLEST_DISK_BYTES = 64 * 1024
const TRIAL = 'trial'

interface Entry {
  readonly group: ProcessGroup
  readonly pod: SandboxPod
  readonly pids: Share
  readonly disk: Share
  /** Of its containers, by their ids. */
  readonly limits: Map<string, ProcessLimits>
}

export class SandboxRunner implements Runner {
  readonly name = 'sandbox'
  readonly #options: SandboxRunnerOptions
  readonly #log: Log
  readonly #mark: string
  readonly #root: string
  readonly #identities: Identities | undefined
  readonly #prober = new Prober()
  readonly #pods = new Map<string, Entry>()
  #cgroups: Cgroups | undefined
  #trees: ProcessTrees | undefined
  #watchdog: MemoryWatchdog | undefined
  #surroundings: SandboxSurroundings | undefined
  #starting: Promise<void> | undefined

  constructor(options: SandboxRunnerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'sandbox-runner' })
    this.#mark = shortHash(`sandbox ${options.directory}`, 16)
    // Short, for the paths of sockets are limited.
    this.#root = join(tmpdir(), `tributary-guests-${this.#mark}`)
    const asRoot = process.getuid?.() === 0
    this.#identities = asRoot ? (options.identities ?? new Identities(options.directory)) : undefined
  }

  get enforces(): Enforces {
    const cgroups = this.#cgroups
    return {
      cpu: cgroups ? 'kernel' : 'none',
      memory: cgroups ? 'kernel' : this.#watchdog ? 'watched' : 'none',
      pids: 'kernel',
      disk: 'kernel',
      network: 'own',
      egress: ['none'],
      images: false,
      files: 'own',
    }
  }

  get enforcement(): string {
    return this.#cgroups?.version ?? this.#watchdog?.description ?? 'none (CPU by priority only)'
  }

  get isolation(): string {
    const user = this.#identities ? 'an unprivileged user for each contract' : 'a user without rights'
    return `sandboxes of bubblewrap: own user, PID, IPC, UTS, mount and network namespaces, a read-only system, ${user}`
  }

  /** @throws RunnerError `unsupported` where sandboxes do not work; its message says why and what helps */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { system, cgroups = true } = this.#options
    const tools = ['bwrap', 'nsenter', 'setpriv', 'sh'].map((name) => ({ name, path: findTool(name) }))
    const missing = tools.filter(({ path }) => path === undefined).map(({ name }) => name)
    if (missing.length > 0) {
      throw new RunnerError('unsupported', `no sandbox: ${missing.join(', ')} not found (install bubblewrap)`)
    }
    const [bwrap = '', nsenter = '', setpriv = '', sh = ''] = tools.map(({ path }) => path ?? '')
    await this.#endEarlierLife()
    await makeRoot(this.#root)
    this.#cgroups = cgroups ? openCgroups(`tributary-${this.#mark}`) : undefined
    this.#trees = this.#cgroups === undefined ? openProcessTrees() : undefined
    this.#watchdog = this.#trees && new MemoryWatchdog({ trees: this.#trees, system, log: this.#log })
    this.#surroundings = {
      tools: { bwrap, nsenter, setpriv, sh },
      node: await this.#readableNode(),
      system,
      log: this.#log,
      prober: this.#prober,
      cgroups: this.#cgroups,
      trees: this.#trees,
      watchdog: this.#watchdog,
    }
    const failure = await this.#tryOut()
    if (failure !== undefined) {
      await this.#end()
      throw new RunnerError('unsupported', `no sandbox: bubblewrap does not work on this machine: ${failure}`)
    }
    const { enforcement, isolation } = this
    this.#log.info({ enforcement, isolation }, 'ready to run programs in sandboxes')
  }

  async stop(): Promise<void> {
    if (this.#starting === undefined) return
    await this.#starting.catch(() => {})
    await this.#end()
    this.#starting = undefined
  }

  async #end(): Promise<void> {
    await Promise.all(Array.from(this.#pods.keys(), (uid) => this.#forget(uid)))
    this.#cgroups?.remove('')
    await rm(this.#root, { recursive: true, force: true })
    await this.#prober.stop()
    this.#watchdog?.stop()
    this.#surroundings = undefined
    this.#cgroups = undefined
  }

  async makePod(spec: PodSpecToRun): Promise<RunningPod> {
    const surroundings = this.#surroundings
    if (surroundings === undefined) throw new RunnerError('stopped', 'the runner is not started')
    const user = this.#identities?.of(spec.group.id)
    // The pod's uid may be chosen by a buyer: as a path it must be nobody's but this pod's.
    const place = join(this.#root, shortHash(`${spec.group.id}/${spec.uid}`, 32))
    const key = spec.uid
    await this.#forget(key)
    const entry = this.#enter(surroundings, spec, place, user)
    const { pod } = entry
    try {
      await mkdir(place, { mode: 0o700 })
      if (user !== undefined) await chown(place, user, user)
      this.#limit(spec.group)
      await pod.start()
    } catch (error) {
      await this.#forget(key)
      if (error instanceof RunnerError) throw error
      throw new RunnerError('directory-failed', `no sandbox for the pod: ${(error as Error).message}`, {
        cause: error,
      })
    }
    return {
      runner: 'sandbox',
      images: false,
      address: pod.address,
      home: pod.home,
      path: pod.path,
      run: (container) => {
        entry.limits.set(container.id, container.limits)
        this.#limit(spec.group)
        return pod.run(container)
      },
      reach: (port) => pod.reach(port),
      probe: (target, signal) => pod.probe(target, signal),
      remove: () => (this.#pods.get(key) === entry ? this.#forget(key) : pod.remove()),
    }
  }

  async removeGroup(group: string): Promise<void> {
    const pods = [...this.#pods].filter(([, entry]) => entry.group.id === group)
    await Promise.all(pods.map(([uid]) => this.#forget(uid)))
    const { clock } = this.#options.system
    const isGone = await killUntilGone(() => this.#cgroups?.kill(group) !== false, clock)
    if (!isGone) throw new RunnerError('stopped', `processes of ${group} do not die`)
    this.#cgroups?.remove(group)
    this.#identities?.release(group)
  }

  /** Takes from the group's budgets what the pod may have: half of the disk that is left, beside volumes with a size. */
  #enter(
    surroundings: SandboxSurroundings,
    spec: PodSpecToRun,
    place: string,
    user: number | undefined,
  ): Entry {
    const { budgets } = this.#options
    const { group, volumes } = spec
    const pids = budgets.nextPids(group, LEAST_PIDS)
    try {
      const sized = volumes.reduce(
        (sum, each) => sum + (each.kind === 'empty' ? (each.sizeBytes ?? 0) : 0),
        0,
      )
      const rest = Math.floor((budgets.left(group, 'diskBytes') - sized) / 2)
      const diskBytes = Math.max(SMALLEST_DISK_BYTES, rest)
      const disk = budgets.take(group, 'diskBytes', diskBytes + sized)
      const pod = new SandboxPod(surroundings, { spec, place, user, diskBytes, pids: pids.amount })
      const entry: Entry = { group, pod, pids, disk, limits: new Map() }
      this.#pods.set(spec.uid, entry)
      return entry
    } catch (error) {
      pids.giveBack()
      throw error
    }
  }

  async #forget(uid: string): Promise<void> {
    const entry = this.#pods.get(uid)
    if (entry === undefined) return
    await entry.pod.remove()
    if (this.#pods.get(uid) !== entry) return
    this.#pods.delete(uid)
    entry.pids.giveBack()
    entry.disk.giveBack()
    this.#limit(entry.group)
  }

  /**
   * All that runs here of a group: what its containers here may use, so that commands beside them (exec) count, too,
   * and containers of the group elsewhere keep theirs; and what our forwarders need.
   */
  #limit({ id, limits }: ProcessGroup): void {
    const entries = Array.from(this.#pods.values()).filter(({ group }) => group.id === id)
    if (entries.length === 0) return
    const containers = entries.flatMap((entry) => [...entry.limits.values()])
    const { memoryBytes, cpuMillis } = {
      memoryBytes: sumOf(containers.map((each) => each.memoryBytes)) ?? limits.memoryBytes,
      cpuMillis: sumOf(containers.map((each) => each.cpuMillis)) ?? limits.cpuMillis,
    }
    this.#cgroups?.make(id, {
      pids: entries.reduce((sum, { pids }) => sum + pids.amount + FORWARDER_PIDS, 0),
      ...(cpuMillis !== undefined && { cpuMillis }),
      ...(memoryBytes !== undefined && { memoryBytes: memoryBytes + entries.length * FORWARDER_BYTES }),
    })
  }

  /** @returns our Node where every user can read it: ours, or a copy */
  async #readableNode(): Promise<string> {
    const own = process.execPath
    if (this.#identities === undefined || (await isReadableByAll(own))) return own
    const copy = join(this.#root, 'node')
    await copyFile(own, copy)
    await chmod(copy, 0o755)
    return copy
  }

  /** @returns what does not work; undefined when a real program ran as it should */
  async #tryOut(): Promise<string | undefined> {
    let said = ''
    const group = { id: TRIAL, limits: {} }
    try {
      const pod = await this.makePod({
        uid: TRIAL,
        guest: 'stranger',
        group,
        hostname: TRIAL,
        address: '127.0.0.1',
        ports: [],
        volumes: [],
        egress: 'none',
        images: false,
        pullCredentials: [],
      })
      const container = await pod.run({
        id: TRIAL,
        name: TRIAL,
        command: ['sh', '-c', 'echo x > /tmp/x && node -p 41+1'],
        env: { PATH: pod.path ?? '' },
        mounts: [],
        security: {},
        limits: {},
        output: (chunk) => {
          said += chunk.toString()
        },
      })
      const { code } = await container.exited
      return code === 0 && said.trim() === '42' ? undefined : `${said.trim()} (exit code ${code})`
    } catch (error) {
      return (error as Error).message
    } finally {
      await this.removeGroup(TRIAL)
    }
  }

  /** Its programs ended with it, since the input of every holder did; what may be left is taken away. */
  async #endEarlierLife(): Promise<void> {
    const roots = openCgroups(`tributary-${this.#mark}`)?.roots ?? []
    await killUntilGone(() => roots.map(killTree).every(Boolean), this.#options.system.clock)
    if (!existsSync(this.#root)) return
    await makeRoot(this.#root)
    for (const name of await readdir(this.#root)) {
      await rm(join(this.#root, name), { recursive: true, force: true })
    }
  }
}

/** @returns undefined where there is none, or one has no limit */
function sumOf(limits: readonly (number | undefined)[]): number | undefined {
  if (limits.length === 0) return undefined
  return limits.reduce((sum, each) => (sum === undefined || each === undefined ? undefined : sum + each), 0)
}

async function isReadableByAll(path: string): Promise<boolean> {
  if (((await stat(path)).mode & 0o005) !== 0o005) return false
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false
    if (folder === dirname(folder)) return true
  }
}
