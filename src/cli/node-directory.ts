/**
 * Which node a command means: its directory, and where it answers while it runs.
 */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import type { Context } from './context.ts'

/** What a running node writes to `run/endpoints.json` in its directory. */
export interface Endpoints {
  readonly pid: number
  readonly controlSocket: string
  /** For those with a token. */
  readonly controlUrl: string
  readonly rearAddress: string
  readonly id: string
  readonly name: string
}

/** The directory that is used when it exists below the current one. */
export const LOCAL_DIRECTORY = 'tributary-node'

/** @returns the absolute path of the node's directory, whether or not it exists */
export function resolveDirectory(context: Pick<Context, 'cwd' | 'env'>, given: string | undefined): string {
  const chosen = given ?? (context.env['TRIBUTARY_DIR'] || undefined)
  if (chosen !== undefined) return isAbsolute(chosen) ? chosen : resolve(context.cwd, chosen)
  const local = join(context.cwd, LOCAL_DIRECTORY)
  return existsSync(local) ? local : join(context.env['HOME'] || homedir(), '.tributary')
}

/** @returns `path`, seen from where the user is */
export function resolvePath({ cwd }: Pick<Context, 'cwd'>, path: string): string {
  return isAbsolute(path) ? path : resolve(cwd, path)
}

/** @returns the endpoints of the node that runs in `directory`; undefined when none has said that it does */
export function readEndpoints(directory: string): Endpoints | undefined {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(join(directory, 'run', 'endpoints.json'), 'utf8'))
  } catch {
    // Absent, or being written just now: as good as not running.
    return undefined
  }
  const { pid, controlSocket, controlUrl, rearAddress, id, name } = (value ?? {}) as Record<string, unknown>
  if (typeof pid !== 'number' || typeof controlSocket !== 'string') return undefined
  return {
    pid,
    controlSocket,
    controlUrl: String(controlUrl),
    rearAddress: String(rearAddress),
    id: String(id),
    name: String(name),
  }
}

/** @returns whether a process of this id exists */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** @returns whether somebody has made a node in `directory` */
export function isNodeDirectory(directory: string): boolean {
  return existsSync(join(directory, 'config.yaml'))
}

/** @returns `text` as one word of a shell command */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
