/**
 * The `container` runner: pods as containers of an engine on this machine (Docker, Podman), over the Docker Engine API.
 *
 * Each pod has a holder: a first container with a network of its own and nothing to do but to forward what comes in by
 * Unix sockets. The pod's containers share its network. Everything carries the node's label, so that what an earlier
 * life left is found, and nobody else's is touched.
 */
import type Docker from 'dockerode'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Log } from '../../../../kernel/log.ts'
import type { System, Timer } from '../../../../kernel/system.ts'
import { memoryDirectory } from '../../memory-directory.ts'
import { shortHash } from '../../names.ts'
import {
  type Enforces,
  type PodSpecToRun,
  type ProcessGroup,
  type Runner,
  RunnerError,
  type RunningContainer,
  type RunningPod,
} from '../../runner.ts'
import type { GroupBudgets } from '../group-budgets.ts'
import { Prober } from '../prober.ts'
import { makeContainerPod } from './container-pod.ts'
import { GROUP_LABEL, type Labels, NODE_LABEL } from './container-options.ts'
import { type Engine, engineSockets, findEngine } from './find-engine.ts'
import { holderBinds } from './holder-files.ts'
import { removeLeftovers } from './leftovers.ts'
import { PulledImages } from './pulled-images.ts'
import { reasonOf } from './running.ts'
import { type TrialResult, tryEngine } from './trial.ts'

export interface ContainerRunnerOptions {
  /** The node's own: tells its containers from those of others. */
  readonly directory: string
  readonly system: System
  readonly log: Log
  /** What groups may have; shared with other runners that pods of the same groups run in. */
  readonly budgets: GroupBudgets
  /** Where engines may listen; where they do by habit unless given. */
  readonly sockets?: readonly string[]
  /** Of the images that are pulled for one contract, in bytes; without end unless given. */
  readonly imageBytes?: number
  /** Whether images may be pulled; true unless given. */
  readonly mayPull?: boolean
}

const EMPTY_IMAGE = 'tributary-empty:1'
/** A tar of nothing: two blocks of zeros. */
const EMPTY_TAR = Buffer.alloc(1_024)
/** Of one container, at least. */
const LEAST_PIDS = 16
const DISK_LOOK_MS = 5_000

interface Group {
  /** Undefined for the owner's own. */
  readonly limited: ProcessGroup | undefined
  readonly containers: Map<string, RunningContainer>
}

interface Found {
  readonly engine: Engine
  readonly trial: TrialResult
  readonly images: PulledImages
  /** In which there is nothing: its id. */
  readonly emptyImage: string
}

export class ContainerRunner implements Runner {
  readonly name = 'container'
  readonly #options: ContainerRunnerOptions
  readonly #log: Log
  readonly #prober = new Prober()
  readonly #node: string
  readonly #groups = new Map<string, Group>()
  readonly #pods = new Set<RunningPod>()
  #found: Found | undefined
  #binds: readonly string[] = []
  #directory = ''
  #looking: Timer | undefined

  constructor(options: ContainerRunnerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'container-runner' })
    this.#node = shortHash(options.directory, 16)
  }

  get enforces(): Enforces {
    const { trial } = this.#engine()
    const kept = (limit: boolean): 'kernel' | 'none' => (limit ? 'kernel' : 'none')
    return {
      cpu: kept(trial.cpu),
      memory: kept(trial.memory),
      pids: kept(trial.pids),
      disk: 'watched',
      network: 'own',
      egress: ['none', 'all'],
      images: true,
      files: 'own',
    }
  }

  get enforcement(): string {
    const { engine, trial } = this.#engine()
    const limited = (['cpu', 'memory', 'pids'] as const).filter((name) => trial[name])
    if (limited.length === 0) return `none (${engine.name} limits nothing here)`
    return `cgroup-v${engine.cgroupVersion} by ${engine.name} (${limited.join(', ')}, for each container; the containers of a contract have no more than it in sum)`
  }

  get isolation(): string {
    const { engine } = this.#engine()
    return `containers of ${engine.name}: own files, processes and network; ${
      engine.userNamespaces
        ? 'root in them is another user here'
        : 'no user namespace: root in them has no capabilities'
    }`
  }

  /** @throws RunnerError `unsupported`: no engine answers, or none that can do what is needed */
  async start(): Promise<void> {
    const { sockets = engineSockets(process.env), directory, system } = this.#options
    const engine = await findEngine(sockets)
    if ('reasons' in engine) throw new RunnerError('unsupported', engine.reasons)
    try {
      await removeLeftovers(engine.docker, [`${NODE_LABEL}=${this.#node}`])
      this.#directory = await memoryDirectory(join(directory, 'container-runner'))
      this.#binds = await holderBinds()
      const emptyImage = await ensureEmptyImage(engine)
      const labels = this.#labels('trial')
      const trial = await tryEngine(system, engine, emptyImage, this.#directory, this.#binds, labels)
      const images = new PulledImages({
        docker: engine.docker,
        file: join(directory, 'pulled-images.json'),
        mostBytes: this.#options.imageBytes ?? Infinity,
      })
      this.#found = { engine, trial, images, emptyImage }
    } catch (error) {
      if (error instanceof RunnerError) throw error
      throw new RunnerError('unsupported', `${engine.name}: ${reasonOf(error)}`, { cause: error })
    }
    this.#look()
  }

  async stop(): Promise<void> {
    this.#looking?.cancel()
    if (this.#found === undefined) return
    await removeLeftovers(this.#found.engine.docker, [`${NODE_LABEL}=${this.#node}`])
    this.#pods.clear()
    await this.#prober.stop()
  }

  async makePod(spec: PodSpecToRun): Promise<RunningPod> {
    const { engine, trial, images, emptyImage } = this.#engine()
    const { group } = spec
    const known = this.#group(spec)
    const labels = this.#labels(group.id)
    const networkMode = await this.#network(engine, spec, labels)
    const pod = await makeContainerPod({
      ...{ system: this.#options.system, docker: engine.docker, spec, labels, habits: trial.habits },
      ...{ emptyImage, binds: this.#binds, directory: this.#directory, networkMode },
      mayPull: this.#options.mayPull ?? true,
      images,
      prober: this.#prober,
      budgets: this.#options.budgets,
      pageBytes: engine.pageBytes,
      takePids: () => this.#options.budgets.nextPids(group, LEAST_PIDS),
      ran: (id, container) => {
        known.containers.set(id, container)
        void container.exited.then(() => known.containers.delete(id))
      },
    })
    this.#pods.add(pod)
    return pod
  }

  async removeGroup(group: string): Promise<void> {
    const { engine, images } = this.#engine()
    try {
      await removeLeftovers(engine.docker, [`${NODE_LABEL}=${this.#node}`, `${GROUP_LABEL}=${group}`])
    } catch (error) {
      throw new RunnerError('spawn-failed', `not all of ${group} is gone: ${reasonOf(error)}`, {
        cause: error,
      })
    }
    await images.release(group)
    this.#groups.delete(group)
  }

  #engine(): Found {
    if (this.#found === undefined)
      throw new RunnerError('stopped', 'the container runner has not been started')
    return this.#found
  }

  #labels(group: string): Labels {
    return { [NODE_LABEL]: this.#node, [GROUP_LABEL]: group }
  }

  #group({ group, guest }: PodSpecToRun): Group {
    const known = this.#groups.get(group.id)
    if (known) return known
    const made: Group = { limited: guest === 'own' ? undefined : group, containers: new Map() }
    this.#groups.set(group.id, made)
    return made
  }

  /** Guests with a way out have a network of their contract's own: engines keep networks from each other. */
  async #network(
    { docker }: Engine,
    { guest, egress, group }: PodSpecToRun,
    labels: Labels,
  ): Promise<string> {
    if (egress !== 'all') return 'none'
    if (guest === 'own') return 'bridge'
    const name = `tributary-${this.#node}-${shortHash(group.id)}`
    const there = await docker.listNetworks({ filters: JSON.stringify({ name: [name] }) as never })
    if (there.length === 0) await docker.createNetwork({ Name: name, Labels: { ...labels } })
    return name
  }

  /** What guests write beside their volumes is looked at again and again: few engines can limit it. */
  #look(): void {
    this.#looking = this.#options.system.clock.after(DISK_LOOK_MS, () => {
      void this.#lookAtDisks().finally(() => {
        if (this.#found) this.#look()
      })
    })
  }

  async #lookAtDisks(): Promise<void> {
    const { engine } = this.#engine()
    for (const [id, { limited, containers }] of this.#groups) {
      if (limited === undefined || containers.size === 0) continue
      // What volumes and sandboxes were given of it is theirs, used or not.
      const diskBytes = this.#options.budgets.left(limited, 'diskBytes')
      let bytes = 0
      for (const container of containers.keys()) {
        bytes += await writtenBy(engine.docker.getContainer(container))
      }
      if (bytes <= diskBytes) continue
      this.#log.warn({ group: id, bytes, diskBytes }, 'a guest wrote more than its contract lets it: ended')
      for (const container of containers.values()) void container.kill(0)
    }
  }
}

/** @returns bytes beside its image and its volumes; 0 when it is gone */
async function writtenBy(container: Docker.Container): Promise<number> {
  try {
    const { SizeRw } = (await container.inspect({ size: true } as object)) as { readonly SizeRw?: number }
    return SizeRw ?? 0
  } catch {
    return 0
  }
}

/** @returns its id: engines differ in what they call what was made here */
async function ensureEmptyImage({ docker }: Engine): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    for (const name of [EMPTY_IMAGE, `localhost/${EMPTY_IMAGE}`]) {
      const there = await docker
        .getImage(name)
        .inspect()
        .catch(() => undefined)
      if (there !== undefined) return there.Id
    }
    return undefined
  }
  const there = await find()
  if (there !== undefined) return there
  const [repo = '', tag = ''] = EMPTY_IMAGE.split(':')
  const stream = await docker.importImage(Readable.from([EMPTY_TAR]), { repo, tag })
  const events = await new Promise<readonly { readonly status?: string }[]>((resolve, reject) => {
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)))
  })
  const made = events.findLast(({ status }) => status?.startsWith('sha256:'))?.status
  if (made === undefined) throw new RunnerError('unsupported', 'the engine does not say what it imported')
  // Podman gives what it imports no name.
  await docker
    .getImage(made)
    .tag({ repo, tag })
    .catch(() => {})
  return made
}
