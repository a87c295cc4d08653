/**
 * The command lines of a sandbox. Pure but for looking at what directories this machine has.
 *
 * A pod is a *holder*: a `cat` that waits for its input to end, in namespaces of its own, with one file system of
 * limited size in which everything lies that the pod may write. Its containers enter these namespaces (never this
 * machine's) and make a further sandbox inside, with a user and PID namespace of its own and no more namespaces
 * allowed. So the network of a pod is shared by its containers and by nobody else, and when the holder ends, the
 * kernel ends everything in the pod.
 */
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeMount } from '../../runner.ts'

/** The user that a guest is, as it sees itself. */
const INSIDE = '1000'
/** Where our Node is in the sandbox. */
export const NODE_FOLDER = '/opt/tributary/bin'
export const SANDBOX_PATH = `/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:${NODE_FOLDER}`
/** In the holder: what containers may write, files of ConfigMaps and Secrets, and the sockets of the ports. */
const SCRATCH = '/pod'
const FILES = '/files'
export const SOCKETS = '/reach'

/** Of /etc: what programs need to find libraries, names of users, certificates and the time zone. */
const ETC = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'alternatives',
  'ssl',
  'ca-certificates',
  'pki',
  'localtime',
  'mime.types',
  'nsswitch.conf',
  'services',
  'protocols',
]

/** Read-only: the system, and nothing of anybody's. */
function systemRoot(): readonly string[] {
  const top = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const path = `/${name}`
    if (!existsSync(path)) return []
    return lstatSync(path).isSymbolicLink()
      ? ['--symlink', readlinkSync(path), path]
      : ['--ro-bind', path, path]
  })
  const etc = ETC.filter((name) => existsSync(`/etc/${name}`)).flatMap((name) => [
    '--ro-bind',
    `/etc/${name}`,
    `/etc/${name}`,
  ])
  return ['--ro-bind', '/usr', '/usr', ...top, ...etc]
}

export interface Holder {
  readonly hostname: string
  readonly diskBytes: number
  readonly node: string
  /** On this machine; empty directory of the guest's user. */
  readonly sockets: string
  readonly volumes: readonly { readonly name: string; readonly sizeBytes?: number }[]
  /** By name of the volume: directories of this machine. */
  readonly files: ReadonlyMap<string, string>
  /** Descriptor to which bwrap writes what it made. */
  readonly infoFd: number
}

export function holderCommand(bwrap: string, holder: Holder): readonly string[] {
  const directories = ['home', 'tmp', 'shm', 'volumes']
  const volumes = holder.volumes.flatMap(({ name, sizeBytes }) => [
    ...(sizeBytes === undefined ? ['--dir'] : ['--size', String(sizeBytes), '--tmpfs']),
    join(SCRATCH, 'volumes', name),
  ])
  return [
    bwrap,
    ...['--unshare-user', '--uid', INSIDE, '--gid', INSIDE],
    ...['--unshare-net', '--unshare-ipc', '--unshare-pid', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--hostname', holder.hostname, '--die-with-parent', '--new-session', '--clearenv'],
    ...systemRoot(),
    ...['--ro-bind', holder.node, `${NODE_FOLDER}/node`, '--proc', '/proc', '--dir', '/tmp'],
    ...['null', 'zero', 'full', 'random', 'urandom', 'tty'].flatMap((name) => [
      '--dev-bind',
      `/dev/${name}`,
      `/dev/${name}`,
    ]),
    ...['--size', String(holder.diskBytes), '--tmpfs', SCRATCH],
    ...directories.flatMap((name) => ['--dir', join(SCRATCH, name)]),
    ...volumes,
    ...['--dir', FILES, '--bind', holder.sockets, SOCKETS],
    ...[...holder.files].flatMap(([name, path]) => ['--ro-bind', path, join(FILES, name)]),
    ...['--remount-ro', '/', '--info-fd', String(holder.infoFd), '--', '/bin/cat'],
  ]
}

/** Enters the namespaces of the holder. @param pid of its first process */
export function enterCommand(nsenter: string, pid: number): readonly string[] {
  const namespaces = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts']
  const names: Readonly<Record<string, string>> = { mnt: 'mount' }
  return [
    nsenter,
    '--preserve-credentials',
    ...namespaces.map((name) => `--${names[name] ?? name}=/proc/${pid}/ns/${name}`),
    '--',
  ]
}

export interface Inside {
  readonly bwrap: string
  /** Descriptor from which bwrap reads the environment: on the command line everybody could read it. */
  readonly envFd: number
  readonly directory: string
  /** As it sees itself; on this machine it is the guest's user whatever this says. */
  readonly user?: number | undefined
  readonly group?: number | undefined
  /** Whether it writes to nothing but its volumes and /dev/shm. */
  readonly readOnly: boolean
  readonly mounts: readonly (VolumeMount & { readonly kind: 'empty' | 'files' })[]
  readonly command: readonly string[]
}

/** Of a container of the pod, in the namespaces of the holder. */
export function containerCommand(inside: Inside): readonly string[] {
  const { bwrap, envFd, directory, user = INSIDE, group = user, readOnly, mounts, command } = inside
  const bind = readOnly ? '--ro-bind' : '--bind'
  return [
    bwrap,
    // No namespaces of its own: with them a guest would get at parts of the kernel that only root sees.
    ...['--unshare-user', '--uid', String(user), '--gid', String(group), '--disable-userns'],
    ...['--unshare-pid', '--unshare-cgroup-try', '--cap-drop', 'ALL'],
    ...['--die-with-parent', '--new-session', '--clearenv'],
    ...systemRoot(),
    ...['--ro-bind', NODE_FOLDER, NODE_FOLDER, '--proc', '/proc', '--dev', '/dev'],
    ...['--bind', `${SCRATCH}/shm`, '/dev/shm', bind, `${SCRATCH}/tmp`, '/tmp'],
    ...[bind, `${SCRATCH}/home`, '/home'],
    ...mounts.flatMap(({ volume, kind, mountPath, readOnly, subPath = '' }) => [
      readOnly ? '--ro-bind' : '--bind',
      join(kind === 'files' ? FILES : `${SCRATCH}/volumes`, volume, subPath),
      mountPath,
    ]),
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
    ...['--args', String(envFd), '--chdir', directory, '--', ...command],
  ]
}

/** @returns what bwrap reads from `envFd` */
export function environmentArguments(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .flatMap(([name, value]) => ['--setenv', name, value])
    .map((argument) => `${argument}\0`)
    .join('')
}

/** The forwarder, in the namespaces of the holder. */
export function forwarderCommand(bwrap: string, script: string, ports: readonly number[]): readonly string[] {
  return [
    bwrap,
    ...['--unshare-user', '--disable-userns', '--unshare-pid', '--cap-drop', 'ALL', '--die-with-parent'],
    ...['--new-session', '--clearenv', ...systemRoot(), '--ro-bind', NODE_FOLDER, NODE_FOLDER],
    ...['--proc', '/proc', '--dev', '/dev', '--bind', SOCKETS, SOCKETS, '--remount-ro', '/', '--'],
    ...[`${NODE_FOLDER}/node`, '--max-old-space-size=32', '--max-semi-space-size=1', '-e', script],
    ...['--', SOCKETS, ...ports.map(String)],
  ]
}
