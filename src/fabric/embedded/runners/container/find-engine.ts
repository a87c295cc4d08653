/** The container engine of this machine: where its socket may be, and who answers there. */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type Docker from 'dockerode'

/** An engine that answers the Docker Engine API on this machine. */
export interface Engine {
  readonly docker: Docker
  readonly socketPath: string
  /** For people, for example `Docker 27.1`. */
  readonly name: string
  /** Of this machine's memory, in bytes, where the engine counts in them. */
  readonly pageBytes?: number
  readonly cgroupVersion: '1' | '2'
  /** Whether it runs without root: its containers' root is its own user. */
  readonly rootless: boolean
  /** Whether root in a container is another user of this machine. */
  readonly userNamespaces: boolean
}

const ANSWER_LIMIT_MS = 5_000

/** @returns where engines listen by habit, what the user says first */
export function engineSockets(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const given = environment['DOCKER_HOST']
  if (given) return given.startsWith('unix://') ? [given.slice('unix://'.length)] : []
  const runtime = environment['XDG_RUNTIME_DIR']
  return [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock'), join(runtime, 'podman', 'podman.sock')] : []),
    '/run/podman/podman.sock',
    join(homedir(), '.docker', 'run', 'docker.sock'),
  ]
}

/** @returns the first engine that answers, or what is wrong with each place where one might */
export async function findEngine(sockets: readonly string[]): Promise<Engine | { readonly reasons: string }> {
  const reasons: string[] = []
  for (const socketPath of sockets) {
    try {
      if (!(await stat(socketPath)).isSocket()) throw new Error('is no socket')
      return await describe(socketPath)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') reasons.push(`${socketPath}: ${message}`)
    }
  }
  return { reasons: reasons.join('; ') || 'no container engine listens on this machine' }
}

interface EngineInfo {
  readonly OSType?: string
  readonly ServerVersion?: string
  readonly CgroupVersion?: string
  readonly SecurityOptions?: readonly string[]
  readonly OperatingSystem?: string
}

async function describe(socketPath: string): Promise<Engine> {
  // With what it brings along it is a third of what a node would load, and most machines have no engine.
  const { default: Client } = await import('dockerode')
  const docker = new Client({ socketPath, timeout: ANSWER_LIMIT_MS })
  const [info, version] = await Promise.all([docker.info() as Promise<EngineInfo>, docker.version()])
  if (info.OSType !== undefined && info.OSType !== 'linux')
    throw new Error(`it runs ${info.OSType} containers`)
  const security = info.SecurityOptions ?? []
  const has = (what: string): boolean => security.some((option) => option.includes(`name=${what}`))
  const components = version.Components ?? []
  const isPodman = components.some(({ Name }) => Name.startsWith('Podman'))
  const rootless = has('rootless')
  return {
    // Without the limit: pulls and waits take their time.
    docker: new Client({ socketPath }),
    socketPath,
    name: `${isPodman ? 'Podman' : 'Docker'} ${version.Version}${rootless ? ', rootless' : ''}`,
    ...(isPodman && { pageBytes: await pageSize() }),
    cgroupVersion: info.CgroupVersion === '2' ? '2' : '1',
    rootless,
    userNamespaces: rootless || has('userns'),
  }
}

async function pageSize(): Promise<number> {
  const { stdout } = await promisify(execFile)('getconf', ['PAGESIZE'])
  return Number(stdout)
}
