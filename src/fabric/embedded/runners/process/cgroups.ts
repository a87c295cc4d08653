/**
 * Linux control groups: the real limits on processes. One tree for both versions of the kernel interface.
 *
 * Everything of ours lies in one group below the one that this program itself is in, so that whatever
 * limits hold for this program hold for what it starts, too. Calls are synchronous: the files are the
 * kernel's, no disk is touched, and the order of the calls matters.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessLimits } from '../../runner.ts'

const CONTROLLERS = ['cpu', 'memory', 'pids'] as const
type Controller = (typeof CONTROLLERS)[number]

const CPU_PERIOD_US = 100_000

export interface Cgroups {
  readonly version: 'cgroup-v1' | 'cgroup-v2'
  /** Controllers that are missing here. */
  readonly missing: readonly Controller[]
  /** Directories of the whole tree, to be remembered for `killTree` in a later life. */
  readonly roots: readonly string[]
  /** Makes the group, or sets the limits of the one that is there. `path` is relative, `/`-separated. */
  make(path: string, limits: ProcessLimits): void
  /** The files into which a process writes its id to enter the group. */
  entries(path: string): readonly string[]
  /** How often the group's memory limit killed something. */
  oomKills(path: string): number
  /** Kills all in the group and below it. @returns whether it is empty; if not, call again a little later */
  kill(path: string): boolean
  /** Removes the group and all below it. @returns false while something is still in it */
  remove(path: string): boolean
}

/**
 * @param name of the tree, unique on this machine
 * @param self files about this program; for tests
 * @returns undefined when this program may not limit CPU and memory that way
 */
export function openCgroups(name: string): Cgroups | undefined {
  let mounts: readonly string[]
  let own: string
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    own = readFileSync('/proc/self/cgroup', 'utf8')
  } catch {
    return undefined
  }
  return openV2(name, mounts, own) ?? openV1(name, mounts, own)
}

/** Kills everything in a tree that an earlier life left at `root`, and removes it. @returns whether it is gone */
export function killTree(root: string): boolean {
  if (!existsSync(root)) return true
  return killAll(root) && removeTree(root)
}

// --- version 2 -----------------------------------------------------------------------------------

function openV2(name: string, mounts: readonly string[], own: string): Cgroups | undefined {
  const mount = mounts.map((line) => line.split(' ')).find((fields) => fields[2] === 'cgroup2')?.[1]
  const path = /^0::(.*)$/m.exec(own)?.[1]
  if (mount === undefined || path === undefined) return undefined
  // The path is not visible in a container that has the mount but no cgroup namespace.
  const base = existsSync(join(mount, path)) ? join(mount, path) : mount
  const available = words(join(base, 'cgroup.controllers'))
  if (!available.includes('cpu') || !available.includes('memory')) return undefined
  const wanted = CONTROLLERS.filter((controller) => available.includes(controller))
  const root = join(base, name)
  try {
    enable(base, wanted)
    mkdirSync(root, { recursive: true })
    enable(root, wanted)
  } catch {
    return undefined
  }
  const at = (path: string): string => join(root, path)
  return {
    version: 'cgroup-v2',
    missing: CONTROLLERS.filter((controller) => !wanted.includes(controller)),
    roots: [root],
    make(path, { cpuMillis, memoryBytes, pids }) {
      const parts = path.split('/')
      for (let depth = 1; depth <= parts.length; depth++) {
        const group = at(parts.slice(0, depth).join('/'))
        mkdirSync(group, { recursive: true })
        if (depth < parts.length) enable(group, wanted)
      }
      const quota = cpuMillis === undefined ? 'max' : String(cpuQuota(cpuMillis))
      writeFileSync(join(at(path), 'cpu.max'), `${quota} ${CPU_PERIOD_US}`)
      writeFileSync(join(at(path), 'memory.max'), memoryBytes === undefined ? 'max' : String(memoryBytes))
      // Swapping would only hide that the limit is reached; the file is missing where there is no swap accounting.
      if (memoryBytes !== undefined) tryWrite(join(at(path), 'memory.swap.max'), '0')
      if (wanted.includes('pids'))
        writeFileSync(join(at(path), 'pids.max'), pids === undefined ? 'max' : String(pids))
    },
    entries: (path) => [join(at(path), 'cgroup.procs')],
    oomKills: (path) => numberAfter(join(at(path), 'memory.events'), 'oom_kill'),
    kill: (path) => killAll(at(path)),
    remove: (path) => removeTree(at(path)),
  }
}

/** Lets the children of `group` be limited. */
function enable(group: string, controllers: readonly string[]): void {
  const file = join(group, 'cgroup.subtree_control')
  const missing = controllers.filter((controller) => !words(file).includes(controller))
  if (missing.length === 0) return
  const command = missing.map((controller) => `+${controller}`).join(' ')
  try {
    writeFileSync(file, command)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    // Version 2 allows processes in leaves only. If we are alone in our group, we can make room.
    const inside = pidsIn(group)
    if (!inside.every((pid) => pid === process.pid)) throw error
    mkdirSync(join(group, 'tributary-daemon'), { recursive: true })
    writeFileSync(join(group, 'tributary-daemon', 'cgroup.procs'), String(process.pid))
    writeFileSync(file, command)
  }
}

// --- version 1 -----------------------------------------------------------------------------------

function openV1(name: string, mounts: readonly string[], own: string): Cgroups | undefined {
  const roots = new Map<Controller, string>()
  for (const controller of CONTROLLERS) {
    const mount = mounts
      .map((line) => line.split(' '))
      .find((fields) => fields[2] === 'cgroup' && fields[3]?.split(',').includes(controller))?.[1]
    const path = own
      .split('\n')
      .map((line) => line.split(':'))
      .find((fields) => fields[1]?.split(',').includes(controller))?.[2]
    if (mount === undefined || path === undefined) continue
    const base = existsSync(join(mount, path)) ? join(mount, path) : mount
    try {
      mkdirSync(join(base, name), { recursive: true })
      roots.set(controller, join(base, name))
    } catch {
      // Not ours to write: as good as missing.
    }
  }
  const cpu = roots.get('cpu')
  const memory = roots.get('memory')
  const pidsRoot = roots.get('pids')
  if (
    cpu === undefined ||
    memory === undefined ||
    read(join(memory, 'memory.use_hierarchy')).trim() === '0'
  ) {
    for (const root of roots.values()) removeTree(root)
    return undefined
  }
  const all = [...new Set(roots.values())]
  const setMemory = (path: string, bytes: number | undefined): void => {
    const limit = join(memory, path, 'memory.limit_in_bytes')
    const withSwap = join(memory, path, 'memory.memsw.limit_in_bytes')
    const value = bytes === undefined ? '-1' : String(bytes)
    // Memory with swap can never be less than memory: which goes first depends on the direction.
    tryWrite(withSwap, '-1')
    writeFileSync(limit, value)
    tryWrite(withSwap, value)
  }
  return {
    version: 'cgroup-v1',
    missing: CONTROLLERS.filter((controller) => !roots.has(controller)),
    roots: all,
    make(path, { cpuMillis, memoryBytes, pids }) {
      for (const root of all) mkdirSync(join(root, path), { recursive: true })
      writeFileSync(join(cpu, path, 'cpu.cfs_period_us'), String(CPU_PERIOD_US))
      writeFileSync(
        join(cpu, path, 'cpu.cfs_quota_us'),
        String(cpuMillis === undefined ? -1 : cpuQuota(cpuMillis)),
      )
      setMemory(path, memoryBytes)
      if (pidsRoot !== undefined) {
        writeFileSync(join(pidsRoot, path, 'pids.max'), pids === undefined ? 'max' : String(pids))
      }
    },
    entries: (path) => all.map((root) => join(root, path, 'cgroup.procs')),
    oomKills: (path) => numberAfter(join(memory, path, 'memory.oom_control'), 'oom_kill'),
    kill(path) {
      // Nothing can be started while we kill.
      if (pidsRoot !== undefined) tryWrite(join(pidsRoot, path, 'pids.max'), '0')
      return all.map((root) => killAll(join(root, path))).every(Boolean)
    },
    remove: (path) => all.map((root) => removeTree(join(root, path))).every(Boolean),
  }
}

// --- both ----------------------------------------------------------------------------------------

/** The kernel refuses quotas below a millisecond. */
function cpuQuota(cpuMillis: number): number {
  return Math.max(1_000, Math.round((cpuMillis * CPU_PERIOD_US) / 1_000))
}

function killAll(group: string): boolean {
  // Version 2 does it at once and completely, where the kernel is new enough.
  if (existsSync(join(group, 'cgroup.kill'))) tryWrite(join(group, 'cgroup.kill'), '1')
  let empty = true
  for (const child of children(group)) empty = killAll(join(group, child)) && empty
  for (const pid of pidsIn(group)) {
    empty = false
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone meanwhile.
    }
  }
  return empty
}

function removeTree(group: string): boolean {
  for (const child of children(group)) if (!removeTree(join(group, child))) return false
  try {
    rmdirSync(group)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function children(group: string): readonly string[] {
  try {
    return readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

function pidsIn(group: string): readonly number[] {
  return words(join(group, 'cgroup.procs')).map(Number)
}

function words(file: string): readonly string[] {
  return read(file)
    .split(/\s+/)
    .filter((word) => word !== '')
}

function numberAfter(file: string, name: string): number {
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(read(file))
  return found ? Number(found[1]) : 0
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function tryWrite(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch {
    // The interface has no such file, or it does not apply.
  }
}
