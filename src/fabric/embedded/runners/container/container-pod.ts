/** One pod of an engine: its holder, its containers, its scratch volumes, and the way to its ports. */
import type Docker from 'dockerode'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { shortHash } from '../../names.ts'
import type { System } from '../../../../kernel/system.ts'
import {
  type ContainerSpec,
  type PodSpecToRun,
  type ProbeTarget,
  RunnerError,
  type RunningContainer,
  type RunningPod,
} from '../../runner.ts'
import { forwarded, probeForwarded } from '../forwarded.ts'
import type { GroupBudgets, Share } from '../group-budgets.ts'
import type { Prober } from '../prober.ts'
import {
  containerOptions,
  type EngineHabits,
  holderOptions,
  type Labels,
  POD_LABEL,
  NODE_LABEL,
} from './container-options.ts'
import type { Image } from './images.ts'
import { removeLeftovers } from './leftovers.ts'
import type { PulledImages } from './pulled-images.ts'
import { reasonOf, startContainer } from './running.ts'
import { untilReady } from './trial.ts'
import { makeVolumes, sumOf, volumeSizes } from './volumes.ts'

export interface ContainerPodOptions {
  readonly system: System
  readonly docker: Docker
  readonly pageBytes: number | undefined
  readonly spec: PodSpecToRun
  readonly labels: Labels
  readonly habits: EngineHabits
  /** In which there is nothing. */
  readonly emptyImage: string
  readonly binds: readonly string[]
  /** Below it are the sockets of pods. */
  readonly directory: string
  readonly networkMode: string
  readonly mayPull: boolean
  readonly images: PulledImages
  readonly prober: Prober
  readonly budgets: GroupBudgets
  /** @returns processes that one container may have */
  readonly takePids: () => Share
  readonly ran: (containerID: string, container: RunningContainer) => void
}

const LOOPBACK = '127.0.0.1'

/** @throws RunnerError; nothing is left then */
export async function makeContainerPod(options: ContainerPodOptions): Promise<RunningPod> {
  const { system, docker, spec, habits, emptyImage, binds, directory, networkMode } = options
  const labels: Labels = { ...options.labels, [POD_LABEL]: spec.uid }
  const short = shortHash(spec.uid, 12)
  const socketDirectory = join(directory, short)
  let disk: Share | undefined
  const takeAway = async (): Promise<void> => {
    await removeLeftovers(docker, [`${NODE_LABEL}=${labels[NODE_LABEL]!}`, `${POD_LABEL}=${spec.uid}`])
    await rm(socketDirectory, { recursive: true, force: true })
    disk?.giveBack()
  }
  try {
    await takeAway()
    await mkdir(socketDirectory, { recursive: true, mode: 0o700 })
    const sizes = volumeSizes(spec, options.budgets)
    disk = options.budgets.take(spec.group, 'diskBytes', sumOf(sizes))
    const volumes = await makeVolumes(docker, `tributary-${short}`, sizes, labels, options.pageBytes)
    const made = await docker.createContainer(
      holderOptions(emptyImage, spec, {
        ...{ labels, habits, networkMode, socketDirectory, binds, volumes: [...volumes.values()] },
      }),
    )
    let said = ''
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    const holder = await startContainer(
      system,
      made,
      {
        output(chunk) {
          if (said.length < 4_096) said += chunk.toString()
          if (said.includes('ready')) resolve()
        },
      },
      { id: emptyImage },
    )
    void holder.exited.then(() => reject(new RunnerError('spawn-failed', `the pod has no network: ${said}`)))
    await untilReady(system, ready)
    const { NetworkSettings } = await made.inspect()
    const address = addressOf(NetworkSettings) ?? LOOPBACK
    return new ContainerPod(options, { labels, holder: made.id, volumes, socketDirectory, address, takeAway })
  } catch (error) {
    await takeAway().catch(() => {})
    if (error instanceof RunnerError) throw error
    throw new RunnerError('spawn-failed', reasonOf(error), { cause: error })
  }
}

interface Made {
  readonly labels: Labels
  /** The id of its container. */
  readonly holder: string
  readonly volumes: ReadonlyMap<string, string>
  readonly socketDirectory: string
  readonly address: string
  readonly takeAway: () => Promise<void>
}

class ContainerPod implements RunningPod {
  readonly runner = 'container'
  readonly images = true
  readonly address: string
  readonly #options: ContainerPodOptions
  readonly #made: Made
  #removed: Promise<void> | undefined

  constructor(options: ContainerPodOptions, made: Made) {
    this.#options = options
    this.#made = made
    this.address = made.address
  }

  async run(spec: ContainerSpec): Promise<RunningContainer> {
    const { system, docker, spec: pod, habits, mayPull, takePids, ran } = this.#options
    if (this.#removed) throw new RunnerError('stopped', 'the pod has ended')
    const image = await this.#image(spec, mayPull)
    if (spec.mounts.some(({ volume, subPath }) => subPath && this.#made.volumes.has(volume)))
      throw new RunnerError(
        'unsupported',
        'volumeMounts: subPath of an emptyDir is not supported in containers',
      )
    const pids = takePids()
    let container: Docker.Container
    try {
      const { labels, holder, volumes } = this.#made
      // The very image that was looked at, whatever its name means by now.
      const options = containerOptions({ ...spec, image: image.id }, pod, {
        labels,
        habits,
        holder,
        pids: pids.amount,
        volumes,
      })
      container = await docker.createContainer(options)
    } catch (error) {
      pids.giveBack()
      throw new RunnerError('spawn-failed', reasonOf(error), { cause: error })
    }
    try {
      const running = await startContainer(system, container, spec, image)
      void running.exited.then(() => pids.giveBack())
      ran(container.id, running)
      return running
    } catch (error) {
      pids.giveBack()
      throw error
    }
  }

  reach(port: number): ReturnType<typeof forwarded> | undefined {
    if (this.#removed || !this.#options.spec.ports.includes(port)) return undefined
    return forwarded(this.#made.socketDirectory, port)
  }

  probe(target: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
    return probeForwarded(this.#options.prober, target, this.reach(target.port), signal)
  }

  remove(): Promise<void> {
    this.#removed ??= this.#made.takeAway().catch((error: unknown) => {
      this.#removed = undefined
      throw error
    })
    return this.#removed
  }

  async #image(spec: ContainerSpec, mayPull: boolean): Promise<Image> {
    const { images, spec: pod } = this.#options
    if (spec.image === undefined) {
      throw new RunnerError(
        'unsupported',
        `container "${spec.name}" names no image: here containers run images`,
      )
    }
    const image = await images.ensure(pod.guest === 'own' ? undefined : pod.group.id, {
      image: spec.image,
      policy: spec.imagePullPolicy,
      credentials: pod.pullCredentials,
      mayPull,
    })
    const { runAsNonRoot, runAsUser } = spec.security
    if (runAsNonRoot === true && (runAsUser === undefined ? !isNumericUser(image.user) : runAsUser === 0)) {
      const whose = image.user === '' ? 'root' : `"${image.user}", which may be root`
      throw new RunnerError('unsupported', `container has runAsNonRoot and image will run as ${whose}`)
    }
    return image
  }
}

function isNumericUser(user: string): boolean {
  return /^[1-9][0-9]*(:|$)/.test(user)
}

interface Addresses {
  readonly IPAddress?: string
  readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>>
}

function addressOf({ IPAddress, Networks = {} }: Addresses): string | undefined {
  return (
    [IPAddress, ...Object.values(Networks).map((each) => each.IPAddress)].find((each) => each) || undefined
  )
}
