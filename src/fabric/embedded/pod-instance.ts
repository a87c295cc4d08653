/**
 * One pod that runs on this machine: its directory, its containers, and the status that tells of them.
 */
import { join } from 'node:path'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { sleep, type System } from '../../kernel/system.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import type { Container } from '../../objects/core/pod-spec.ts'
import { keyOf, type ObjectKey } from '../../objects/meta.ts'
import type { Amounts } from '../../quantity/amounts.ts'
import { ContainerInstance } from './container-instance.ts'
import { ContainerConfigError, containerCommand, containerEnvironment, identityOf } from './environment.ts'
import { type EventRecorder, recordIgnoredImages } from './event-recorder.ts'
import { programPath } from './isolation.ts'
import { LogFile } from './log-file.ts'
import { CONTRACT_AMOUNTS_ANNOTATION, CONTRACT_ANNOTATION, shortHash } from './names.ts'
import { containerLimits } from '../pod-resources.ts'
import { processLimits } from './pod-resources.ts'
import { podStatus } from './pod-status.ts'
import type { ProcessGroup, ProcessSpec, Runner } from './runner.ts'

export interface PodInstanceOptions {
  readonly pod: Pod
  readonly podIP: string
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly runner: Runner
  readonly events: EventRecorder
  readonly nodeName: string
  /** Where the pod's logs go. */
  readonly logDirectory: string
}

export const HOST_IP = '127.0.0.1'
const STATUS_RETRY_MS = 200

/** @returns the group of processes whose sum is limited: one for each contract, one for all of the node's own */
export function groupOf(pod: Pod): ProcessGroup {
  const { annotations = {} } = pod.metadata
  const contractID = annotations[CONTRACT_ANNOTATION]
  if (contractID === undefined) return { id: 'own', limits: {} }
  const amounts = JSON.parse(annotations[CONTRACT_AMOUNTS_ANNOTATION] ?? '{}') as Amounts
  return { id: contractGroup(contractID), limits: processLimits(amounts) }
}

/** @returns the name of a contract's group */
export function contractGroup(contractID: string): string {
  return `contract-${shortHash(contractID)}`
}

export class PodInstance {
  readonly uid: string
  readonly podIP: string
  readonly key: ObjectKey
  readonly #options: PodInstanceOptions
  readonly #containers: readonly ContainerInstance[]
  readonly #logs: ReadonlyMap<string, LogFile>
  readonly #ended = new AbortController()
  #directory = ''
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #hasStopped = false
  #quiet = false
  #dirty = false
  #writing: Promise<void> | undefined
  #directoryGone = false

  constructor(options: PodInstanceOptions) {
    const { pod, podIP, logDirectory, runner, system, log, events } = options
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
          runner,
          system,
          log,
          podIP,
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

  /** @throws RunnerError when the pod gets no directory */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { pod, runner, events } = this.#options
    this.#directory = await runner.makeDirectory(this.uid, groupOf(pod).id)
    if (this.#ended.signal.aborted) return
    recordIgnoredImages(pod, 'kubelet', events)
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
    await this.#removeDirectory()
    await Promise.all(Array.from(this.#logs.values(), (log) => log.close()))
    await this.#writing
    this.#hasStopped = true
  }

  async #removeDirectory(): Promise<void> {
    if (this.#directoryGone) return
    this.#directoryGone = true
    await this.#options.runner.removeDirectory(this.uid)
  }

  #prepare(container: Container): Omit<ProcessSpec, 'output'> {
    const { pod, podIP, nodeName } = this.#options
    refuseUnsupported(pod, container)
    const base = {
      PATH: programPath(),
      HOME: this.#directory,
      TMPDIR: this.#directory,
      HOSTNAME: identityOf(pod).name,
      POD_IP: podIP,
      TRIBUTARY_NODE: nodeName,
    }
    const env = containerEnvironment(pod, container, base, { podIP, hostIP: HOST_IP, localNode: nodeName })
    return {
      id: `${this.uid}.${container.name}`,
      group: groupOf(pod),
      command: containerCommand(container, env),
      env,
      workingDirectory:
        container.workingDir === undefined ? this.#directory : join(this.#directory, container.workingDir),
      limits: processLimits(containerLimitsOf(container)),
    }
  }

  #changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    if (this.#containers.every(({ finished }) => finished) && !this.#ended.signal.aborted) {
      void this.#removeDirectory()
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

/** @throws ContainerConfigError for what would silently not be there: better not to start at all */
function refuseUnsupported(pod: Pod, container: Container): void {
  const members = [
    pod.spec.initContainers?.length ? 'initContainers' : undefined,
    isSet(container.volumeMounts) ? 'volumeMounts' : undefined,
    isSet(container.volumeDevices) ? 'volumeDevices' : undefined,
    isSet(container.lifecycle) ? 'lifecycle' : undefined,
  ].filter((member) => member !== undefined)
  if (members.length > 0) {
    throw new ContainerConfigError(`${members.join(', ')}: not supported by the embedded cluster`)
  }
  const directory = container.workingDir
  if (directory?.split('/').includes('..')) {
    throw new ContainerConfigError(`workingDir "${directory}" leads out of the pod's directory`)
  }
}

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
}
