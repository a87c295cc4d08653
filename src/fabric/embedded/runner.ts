/**
 * The Runner port: how the embedded cluster runs the containers of pods on this machine.
 *
 * Implementations: one folder each below `runners/`, and the simulated one of the tests. Which of them runs whose
 * pods is chosen in `choose-runner.ts`. What a runner keeps of what is asked of it, it says as data (`enforces`):
 * the policy who may run here, the offers and `tributary status` read that, and nothing else.
 */
import type { Component } from '../../kernel/component.ts'
import type { Egress } from '../../objects/guests.ts'
import type { Reach } from '../reach.ts'

/** What is absent is not limited. */
export interface ProcessLimits {
  /** Thousandths of a core. */
  readonly cpuMillis?: number
  readonly memoryBytes?: number
  /** Processes and threads together. */
  readonly pids?: number
}

/** What a whole group may use. */
export interface GroupLimits extends ProcessLimits {
  /** All that its programs write and leave: scratch volumes, /tmp, /dev/shm. Absent is the runner's default. */
  readonly diskBytes?: number
}

/** Whose program it is: the owner's of this machine, or somebody's who has a contract. */
export type Guest = 'own' | 'stranger'

/** Pods whose sum is limited: everything under one contract, or the node's own pods. */
export interface ProcessGroup {
  /** Safe as a file name; no two contracts have the same. */
  readonly id: string
  readonly limits: GroupLimits
}

/** How well something is kept: by the kernel; by looking again and again; not at all. */
export type Kept = 'kernel' | 'watched' | 'none'

/** What a runner keeps, known after its start. */
export interface Enforces {
  readonly cpu: Kept
  readonly memory: Kept
  readonly pids: Kept
  readonly disk: Kept
  /** Whether each pod has a network of its own, in which nothing of this machine can be reached. */
  readonly network: 'own' | 'shared'
  /** The policies of egress that it can keep; what is reached with a shared network is `all`. */
  readonly egress: readonly Egress[]
  /** Whether containers run their images. */
  readonly images: boolean
  /** Whether programs see nothing of the owner's files and are not the owner's user. */
  readonly files: 'own' | 'shared'
}

/** A volume that the containers of a pod share. */
export type PodVolume =
  | {
      readonly kind: 'empty'
      readonly name: string
      /** Absent: what the group may use. */
      readonly sizeBytes?: number
      readonly medium?: 'Memory'
    }
  /** Files that the kubelet keeps in a directory of this machine: of ConfigMaps and Secrets. Always read-only. */
  | { readonly kind: 'files'; readonly name: string; readonly directory: string }

export interface PullCredential {
  /** Host, and port if any. */
  readonly registry: string
  readonly username: string
  readonly password: string
}

export interface PodSpecToRun {
  /** The pod's; safe as a file name. */
  readonly uid: string
  readonly guest: Guest
  readonly group: ProcessGroup
  readonly hostname: string
  /** The address of this machine that the pod gets where it has no network of its own. */
  readonly address: string
  /** TCP ports that its containers declare. */
  readonly ports: readonly number[]
  readonly volumes: readonly PodVolume[]
  readonly egress: Egress
  /** Whether every container names an image. */
  readonly images: boolean
  readonly pullCredentials: readonly PullCredential[]
}

export interface VolumeMount {
  /** Of one of the pod's volumes. */
  readonly volume: string
  /** Absolute, as the program sees it. */
  readonly mountPath: string
  readonly readOnly: boolean
  /** Below the volume; neither absolute nor with `..`. */
  readonly subPath?: string
}

/** As in a pod's `securityContext`; the container's over the pod's. */
export interface SecurityContext {
  readonly runAsUser?: number
  readonly runAsGroup?: number
  /** Whether it must not run as root, whatever its image says. */
  readonly runAsNonRoot?: boolean
  readonly readOnlyRootFilesystem?: boolean
}

export interface ContainerSpec {
  /** Unique among what runs; safe as a file name. */
  readonly id: string
  /** As the pod calls it. */
  readonly name: string
  /** Runners without images do not look at it. */
  readonly image?: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** In place of the image's entrypoint; without images it is needed. */
  readonly command?: readonly string[]
  /** In place of the image's arguments; follow the command. */
  readonly args?: readonly string[]
  /** What the manifest says, after substitution. What a program sees besides is up to the runner and the image. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute, or relative to the home directory; the image's, or the home directory, where absent. */
  readonly workingDirectory?: string
  readonly mounts: readonly VolumeMount[]
  readonly security: SecurityContext
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
  /** Tells it from others in a pod's status: `process://…`, `containerd://…`. */
  readonly containerID: string
  /** What was run, where that is an image: its digest. */
  readonly imageID?: string
  /** Of the first process on this machine, where that is known. */
  readonly pid?: number
  /** Resolves when the program has ended and nothing that it started is left. Never rejects. */
  readonly exited: Promise<ProcessExit>
  /**
   * Asks the program and all that it started to end, and makes them after `graceMs`. Idempotent; a
   * shorter grace of a later call counts.
   * @returns `exited`
   */
  kill(graceMs: number): Promise<ProcessExit>
}

export interface ExecSpec {
  readonly command: readonly string[]
  readonly output: ContainerSpec['output']
}

export interface RunningContainer extends RunningProcess {
  /**
   * Runs a command where the container runs: as it sees the world, under its limits.
   * @throws RunnerError
   */
  exec(spec: ExecSpec): Promise<RunningProcess>
}

/** What a probe looks at, in the pod. */
export type ProbeTarget =
  | { readonly kind: 'tcp'; readonly port: number }
  | {
      readonly kind: 'http'
      readonly scheme: 'http' | 'https'
      readonly port: number
      readonly path: string
      readonly headers: Readonly<Record<string, string>>
    }

/** What the containers of one pod share: network, volumes, hostname; Kubernetes' "pod sandbox". */
export interface RunningPod {
  readonly runner: RunnerName
  /** Whether its containers run their images. */
  readonly images: boolean
  /** As the pod's programs see it; what `POD_IP` says. */
  readonly address: string
  /** As the pod's programs see it; what `HOME` says. Absent where the image knows. */
  readonly home?: string
  /** What `PATH` says; absent where the image knows. */
  readonly path?: string
  /** @throws RunnerError when the container cannot be made; that the command fails is an exit, not an error */
  run(spec: ContainerSpec): Promise<RunningContainer>
  /** @returns how a declared TCP port is connected to from this process; undefined while there is no way */
  reach(port: number): Reach | undefined
  /** @returns undefined when the target answers as it should, else what is wrong */
  probe(target: ProbeTarget, signal: AbortSignal): Promise<string | undefined>
  /** Ends what still runs, and takes away all that the pod had here. Idempotent. */
  remove(): Promise<void>
}

export type RunnerName = 'process' | 'sandbox' | 'container' | 'simulated'

/** Its start ends what an earlier life of this program left running; its stop kills what still runs. */
export interface Runner extends Component {
  readonly name: RunnerName
  /** Known after the start. */
  readonly enforces: Enforces
  /**
   * Known after the start. How limits are kept: `cgroup-v2`, `cgroup-v1`, `watchdog`, `none`; for people, more
   * may follow after a space.
   */
  readonly enforcement: string
  /** Known after the start. For people: what keeps programs from each other and from this machine. */
  readonly isolation: string
  /**
   * Makes ready what the containers of a pod share.
   * @throws RunnerError
   */
  makePod(spec: PodSpecToRun): Promise<RunningPod>
  /**
   * Ends and takes away all that programs of the group have here, and what they left; gives back its identity.
   * @throws RunnerError when something of it cannot be ended: to be repeated
   */
  removeGroup(group: string): Promise<void>
}

export type RunnerErrorCode =
  | 'spawn-failed'
  | 'directory-failed'
  | 'stopped'
  /** The manifest asks for what this runner cannot give. */
  | 'unsupported'
  /** Kubernetes' `ErrImagePull`, `ErrImageNeverPull`, `InvalidImageName`. */
  | 'image-pull-failed'
  | 'image-not-present'
  | 'image-name-invalid'

/** A container or pod that could not be made. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError'
  readonly code: RunnerErrorCode

  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
