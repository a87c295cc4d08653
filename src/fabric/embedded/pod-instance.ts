/**
 * One pod that runs on this machine: its directory, its containers, and the status that tells of them.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { sleep, type System } from '../../kernel/system.ts'
import { causeText } from '../../kernel/validation/field-cause.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import type { Container } from '../../objects/core/pod-spec.ts'
import { unsupportedByRunner } from '../../objects/core/unsupported-by-runner.ts'
import { keyOf, type ObjectKey } from '../../objects/meta.ts'
import type { Amounts } from '../../quantity/amounts.ts'
import { writeConfigFiles } from './config-files.ts'
import { ContainerInstance } from './container-instance.ts'
import { ContainerConfigError, containerCommand, containerEnvironment, identityOf } from './environment.ts'
import { type EventRecorder, recordIgnoredImages } from './event-recorder.ts'
import { LogFile } from './log-file.ts'
import { CONTRACT_AMOUNTS_ANNOTATION, CONTRACT_ANNOTATION, EXCLUSIVE, shortHash } from './names.ts'
import { containerLimits } from '../pod-resources.ts'
import type { Egress } from '../../objects/guests.ts'
import type { Reach } from '../reach.ts'
import { configSource } from './pod-config.ts'
import { groupLimits, processLimits } from './pod-resources.ts'
import { pullCredentials } from './pull-credentials.ts'
import { securityOf } from './pod-security.ts'
import { podStatus } from './pod-status.ts'
import { podVolumes, volumeMounts } from './pod-volumes.ts'
import type { ContainerSpec, PodVolume, ProcessGroup, Runner, RunningPod } from './runner.ts'

export interface PodInstanceOptions {
  readonly pod: Pod
  readonly podIP: string
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly runner: Runner
  /** What its programs may reach of the world. */
  readonly egress: Egress
  readonly events: EventRecorder
  readonly nodeName: string
  /** Where the pod's logs go. */
  readonly logDirectory: string
  /** The pod's own, for the files of its volumes; in memory, where there is such a place. */
  readonly filesDirectory: string
}

export const HOST_IP = '127.0.0.1'
const STATUS_RETRY_MS = 200

/** All of the node's own pods. */
const OWN_GROUP = 'own'

/** @returns the group of processes whose sum is limited: one for each contract, one for all of the node's own */
export function groupOf(pod: Pod): ProcessGroup {
  const { annotations = {} } = pod.metadata
  const contractID = annotations[CONTRACT_ANNOTATION]
  if (contractID === undefined) return { id: OWN_GROUP, limits: {} }
  const amounts = JSON.parse(annotations[CONTRACT_AMOUNTS_ANNOTATION] ?? '{}') as Amounts
  return { id: contractGroup(contractID), limits: groupLimits(amounts) }
}

/** @returns the name of a contract's group */
export function contractGroup(contractID: string): string {
  return `contract-${shortHash(contractID, EXCLUSIVE)}`
}

export class PodInstance {
  readonly uid: string
  readonly podIP: string
  readonly key: ObjectKey
  readonly #options: PodInstanceOptions
  readonly #containers: readonly ContainerInstance[]
  readonly #logs: ReadonlyMap<string, LogFile>
  readonly #ended = new AbortController()
  #running: RunningPod | undefined
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #hasStopped = false
  #quiet = false
  #dirty = false
  #writing: Promise<void> | undefined
  #removed: Promise<void> | undefined

  constructor(options: PodInstanceOptions) {
    const { pod, podIP, logDirectory, system, log, events } = options
    this.#options = options
    this.uid = pod.metadata.uid
    this.podIP = podIP
    this.key = keyOf(pod)
    this.#logs = new Map(
      pod.spec.containers.map(({ name }) => [name, new LogFile(join(logDirectory, `${name}.log`))]),
    )
    this.#containers = pod.spec.containers.map(
      (container) =>
        new ContainerInstance({
          pod,
          container,
          runs: () => this.#running!,
          system,
          log,
          logFile: this.#logs.get(container.name)!,
          prepare: () => this.#prepare(container),
          before: pod.status?.containerStatuses?.find(({ name }) => name === container.name),
          changed: () => this.#changed(),
          event: (type, reason, message) => events.record(pod, 'kubelet', type, reason, message),
        }),
    )
  }

  /** Whether nothing of it runs, or will run, any more. */
  get hasStopped(): boolean {
    return this.#hasStopped
  }

  /** @returns the log of a container; of the only one when none is named */
  log(container: string | undefined): LogFile | undefined {
    return container === undefined ? [...this.#logs.values()][0] : this.#logs.get(container)
  }

  /** @returns how a declared port is connected to from here; undefined while there is no way */
  reach(port: number): Reach | undefined {
    return this.#hasStopped ? undefined : this.#running?.reach(port)
  }

  /** @throws RunnerError when the pod gets no place to run in */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { pod, runner, events, egress, store } = this.#options
    const source = configSource(store, pod)
    const group = groupOf(pod)
    const volumes = volumesOf(pod, this.#options.filesDirectory)
    for (const volume of volumes)
      if (volume.kind === 'files') await mkdir(volume.directory, { recursive: true, mode: 0o755 })
    this.#running = await runner.makePod({
      uid: this.uid,
      guest: group.id === OWN_GROUP ? 'own' : 'stranger',
      group,
      hostname: identityOf(pod).name,
      address: this.podIP,
      ports: declaredPorts(pod),
      volumes,
      egress,
      images: pod.spec.containers.every(({ image }) => image !== undefined),
      pullCredentials: await pullCredentials(pod, source),
    })
    if (this.#ended.signal.aborted) return
    if (!this.#running.images) recordIgnoredImages(pod, 'kubelet', events)
    for (const container of this.#containers) container.start()
    // Those that had ended for good before have nothing to report by themselves.
    if (this.#containers.some(({ finished }) => finished)) this.#changed()
  }

  /**
   * Ends all containers; a later call may shorten the grace. Resolves when nothing runs and the directory is gone.
   * @param quiet leaves the status as it is: the pod is to go on later
   */
  async stop(graceMs: number, { quiet = false } = {}): Promise<void> {
    this.#quiet ||= quiet
    this.#ended.abort()
    const stopping = Promise.all(this.#containers.map((container) => container.stop(graceMs)))
    this.#stopped ??= this.#stop(stopping)
    await this.#stopped
  }

  async #stop(stopping: Promise<unknown>): Promise<void> {
    await this.#started?.catch(() => {})
    await stopping
    // Containers may have been started while the first call was under way.
    await Promise.all(this.#containers.map((container) => container.stop(0)))
    await this.#remove()
    await Promise.all(Array.from(this.#logs.values(), (log) => log.close()))
    await this.#writing
    this.#hasStopped = true
  }

  #remove(): Promise<void> {
    this.#removed ??= (async () => {
      await this.#running?.remove()
      await rm(this.#options.filesDirectory, { recursive: true, force: true })
    })()
    return this.#removed
  }

  async #prepare(container: Container): Promise<Omit<ContainerSpec, 'output'>> {
    const { pod, nodeName, store, filesDirectory } = this.#options
    const { address, home, path } = this.#running!
    refuseUnsupported(pod, container, this.#running!)
    podVolumes(pod, filesDirectory)
    const base = {
      ...(path !== undefined && { PATH: path }),
      ...(home !== undefined && { HOME: home, TMPDIR: home }),
      HOSTNAME: identityOf(pod).name,
      POD_IP: address,
      TRIBUTARY_NODE: nodeName,
    }
    const surroundings = { podIP: address, hostIP: HOST_IP, localNode: nodeName }
    const source = configSource(store, pod)
    const env = await containerEnvironment(pod, container, base, surroundings, source)
    await writeConfigFiles(pod, filesDirectory, source, surroundings)
    const { image, imagePullPolicy, workingDir } = container
    return {
      id: `${this.uid}.${container.name}`,
      name: container.name,
      ...(image !== undefined && { image }),
      ...(imagePullPolicy !== undefined && {
        imagePullPolicy: imagePullPolicy as NonNullable<ContainerSpec['imagePullPolicy']>,
      }),
      ...containerCommand(container, env),
      env,
      ...(workingDir !== undefined && { workingDirectory: workingDir }),
      mounts: volumeMounts(pod, container),
      security: securityOf(pod, container),
      limits: processLimits(containerLimitsOf(container)),
    }
  }

  #changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    if (this.#containers.every(({ finished }) => finished) && !this.#ended.signal.aborted) {
      void this.#remove()
      for (const log of this.#logs.values()) void log.close()
    }
  }

  /** Writes the status until it is as it should be: one write at a time, each with what is so then. */
  async #write(): Promise<void> {
    const { store, system, log, podIP } = this.#options
    while (this.#dirty && !this.#quiet) {
      this.#dirty = false
      try {
        await mutateStatus(store, PodKind, this.key, (stored) =>
          stored.metadata.uid === this.uid && !this.#quiet
            ? podStatus(stored, stored.status, {
                podIP,
                hostIP: HOST_IP,
                now: system.clock.now(),
                containers: this.#containers.map(({ status }) => status),
                finished: this.#containers.every(({ finished }) => finished),
              })
            : undefined,
        )
      } catch (error) {
        if (isStoreError(error, 'NotFound') || this.#ended.signal.aborted) return
        log.warn({ err: error, pod: this.key }, 'the status of a pod could not be written')
        this.#dirty = true
        await sleep(system.clock, STATUS_RETRY_MS, this.#ended.signal).catch(() => {})
      }
    }
  }
}

function containerLimitsOf(container: Container): Amounts {
  // Requests limit nothing here: on a machine of one's own, what is free may be used.
  return containerLimits({ ...container, resources: { limits: container.resources?.limits ?? {} } })
}

/** What is wrong with them each container says, in its status. */
function volumesOf(pod: Pod, filesDirectory: string): readonly PodVolume[] {
  try {
    return podVolumes(pod, filesDirectory)
  } catch (error) {
    if (error instanceof ContainerConfigError) return []
    throw error
  }
}

/** TCP: what can be reached. */
function declaredPorts(pod: Pod): readonly number[] {
  const ports = pod.spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ containerPort }) => containerPort)
  return [...new Set(ports)]
}

/** @throws ContainerConfigError for what would silently not be there: better not to start at all */
function refuseUnsupported(pod: Pod, container: Container, { runner, images }: RunningPod): void {
  const members = [
    pod.spec.initContainers?.length ? 'initContainers' : undefined,
    isSet(container.volumeDevices) ? 'volumeDevices' : undefined,
    isSet(container.lifecycle) ? 'lifecycle' : undefined,
  ].filter((member) => member !== undefined)
  if (members.length > 0) {
    throw new ContainerConfigError(`${members.join(', ')}: not supported by the embedded cluster`)
  }
  const [complaint] = unsupportedByRunner(pod.spec, { runner, images, commands: runner }, 'spec')
  if (complaint !== undefined) throw new ContainerConfigError(causeText(complaint))
}

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
}
