/** What an engine is asked for: the containers of a pod, with what keeps them in. Pure. */
import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import { join } from 'node:path'
import type { ContainerSpec, PodSpecToRun } from '../../runner.ts'
import { HOLDER_MAIN, HOLDER_NODE, HOLDER_SOCKETS } from './holder-files.ts'

/** Labels of all that a runner makes: whose it is, of which contract and pod. */
export const NODE_LABEL = 'io.tributary.node'
export const GROUP_LABEL = 'io.tributary.group'
export const POD_LABEL = 'io.tributary.pod'

export type Labels = Readonly<Record<string, string>>

/** What the trial at the start found out. */
export interface EngineHabits {
  /** Some machines refuse to raise these limits: then they are stated. */
  readonly ulimits: HostConfig['Ulimits']
  /** The user as whom the holder can write into a directory of ours. */
  readonly holderUser: string
}

/** Of every container: nothing that it does not need. */
function confined({ ulimits }: EngineHabits): HostConfig {
  return {
    Privileged: false,
    SecurityOpt: ['no-new-privileges'],
    IpcMode: 'private',
    // Logs are ours to keep; the engine's would fill the disk.
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: '' },
    ...(ulimits && { Ulimits: ulimits }),
  }
}

const HOLDER_LIMITS = { Memory: 192 << 20, MemorySwap: 192 << 20, NanoCpus: 500_000_000, PidsLimit: 64 }

/** The first container of a pod: holds its network and volumes, and is the way in. */
export function holderOptions(
  image: string,
  pod: Pick<PodSpecToRun, 'hostname' | 'ports'>,
  surroundings: {
    readonly labels: Labels
    readonly habits: EngineHabits
    readonly networkMode: string
    readonly socketDirectory: string
    readonly binds: readonly string[]
    /** Names of volumes. */
    readonly volumes: readonly string[]
  },
): ContainerCreateOptions {
  const { labels, habits, networkMode, socketDirectory, binds, volumes } = surroundings
  return {
    Image: image,
    Cmd: [
      HOLDER_NODE,
      '--disable-warning=ExperimentalWarning',
      HOLDER_MAIN,
      HOLDER_SOCKETS,
      ...pod.ports.map(String),
    ],
    User: habits.holderUser,
    Hostname: pod.hostname.slice(0, 63),
    Labels: { ...labels },
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      ...confined(habits),
      ...HOLDER_LIMITS,
      CapDrop: ['ALL'],
      NetworkMode: networkMode,
      Binds: [
        ...binds,
        `${socketDirectory}:${HOLDER_SOCKETS}:rw`,
        ...volumes.map((name) => `${name}:/tributary/volumes/${name}:rw`),
      ],
    },
  }
}

/** One of the pod's own containers. */
export function containerOptions(
  spec: ContainerSpec,
  pod: PodSpecToRun,
  surroundings: {
    readonly labels: Labels
    readonly habits: EngineHabits
    readonly holder: string
    readonly pids: number
    /** Engine's names of volumes, by the pod's. */
    readonly volumes: ReadonlyMap<string, string>
  },
): ContainerCreateOptions {
  const { labels, habits, holder, pids, volumes } = surroundings
  const { command, args, env, security, limits, workingDirectory } = spec
  const files = new Map(pod.volumes.map((volume) => [volume.name, volume]))
  const mounts = spec.mounts.map(({ volume: name, mountPath, readOnly, subPath }): MountSettings => {
    const volume = files.get(name)!
    if (volume.kind === 'files') {
      return {
        Type: 'bind',
        Source: join(volume.directory, subPath ?? ''),
        Target: mountPath,
        ReadOnly: true,
      }
    }
    return { Type: 'volume', Source: volumes.get(name)!, Target: mountPath, ReadOnly: readOnly }
  })
  const user = security.runAsUser
  return {
    Image: spec.image!,
    // With a command the image's own entrypoint and arguments count no more, as in Kubernetes.
    ...(command !== undefined && { Entrypoint: [...command], Cmd: [...(args ?? [])] }),
    ...(command === undefined && args !== undefined && { Cmd: [...args] }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...labels },
    AttachStdout: true,
    AttachStderr: true,
    ...(workingDirectory !== undefined && { WorkingDir: workingDirectory }),
    ...(user !== undefined && {
      User: security.runAsGroup === undefined ? String(user) : `${user}:${security.runAsGroup}`,
    }),
    HostConfig: {
      ...confined(habits),
      ...(pod.guest === 'stranger' && { CapDrop: ['ALL'] }),
      NetworkMode: `container:${holder}`,
      ReadonlyRootfs: security.readOnlyRootFilesystem === true,
      PidsLimit: limits.pids ?? pids,
      ...(limits.cpuMillis !== undefined && { NanoCpus: limits.cpuMillis * 1_000_000 }),
      // No swap beyond it: it would be more memory.
      ...(limits.memoryBytes !== undefined && { Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes }),
      Mounts: mounts,
    },
  }
}

type MountSettings = NonNullable<HostConfig['Mounts']>[number]
