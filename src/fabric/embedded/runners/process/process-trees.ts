/**
 * Which processes a program consists of, and how much memory they hold: for machines on which no control
 * group knows that.
 *
 * To a program belongs what it started, what those started, and what is in its session; and what once
 * belonged to it, even when its parent has gone. A process that leaves its session and whose parent ends
 * between two looks is missed, unless a PID namespace holds it.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface Member {
  readonly pid: number
  /** Tells processes apart that had the same id one after the other. */
  readonly birth: string
  /** Resident memory; what several processes share is counted for each of them. */
  readonly bytes: number
}

export interface ProcessTrees {
  /** @param root a program's first process, the leader of a session */
  add(root: number): void
  remove(root: number): void
  /** @returns by root, what belongs to each program now, even if the root itself has gone */
  look(): Promise<ReadonlyMap<number, readonly Member[]>>
  /**
   * More expensive than a look.
   * @returns bytes, with shared memory divided among those who share it; undefined when that can't be known
   */
  share(pid: number): Promise<number | undefined>
}

interface Entry extends Member {
  readonly parent: number
  readonly session: number
}

/** @returns undefined where processes cannot be looked at */
export function openProcessTrees(): ProcessTrees | undefined {
  if (readLinux(process.pid) !== undefined) return new Trees(new LinuxTable())
  return existsSync(PS) ? new Trees(new PsTable()) : undefined
}

interface Table {
  /** @returns the processes that may belong to a program; those that `isStranger` may be left out */
  list(isStranger: (pid: number) => boolean): Promise<readonly Entry[]>
  share(pid: number): Promise<number | undefined>
}

/** After so many looks all processes are looked at anew, since ids are used again. */
const LOOKS_PER_SURVEY = 40

export class Trees implements ProcessTrees {
  readonly #table: Table
  /** Of processes that belong to a program: their birth and the program. */
  #members = new Map<number, { readonly birth: string; readonly root: number }>()
  /** Who belongs to no program now never will: so their number costs next to nothing. */
  readonly #strangers = new Set<number>()
  readonly #roots = new Set<number>()
  #looks = 0

  constructor(table: Table) {
    this.#table = table
  }

  add(root: number): void {
    this.#roots.add(root)
    // A look may have come between its start and now.
    this.#strangers.clear()
  }

  remove(root: number): void {
    this.#roots.delete(root)
  }

  async look(): Promise<ReadonlyMap<number, readonly Member[]>> {
    const roots = this.#roots
    if (++this.#looks % LOOKS_PER_SURVEY === 0) this.#strangers.clear()
    const entries = new Map(
      (await this.#table.list((pid) => this.#strangers.has(pid))).map((entry) => [entry.pid, entry]),
    )
    const owners = new Map<number, number | undefined>()
    const ownerOf = (entry: Entry): number | undefined => {
      const { pid, birth, parent, session } = entry
      if (owners.has(pid)) return owners.get(pid)
      // Parents that changed while they were read could form a circle.
      owners.set(pid, undefined)
      const before = this.#members.get(pid)
      const above = entries.get(parent)
      const owner = roots.has(pid)
        ? pid
        : before?.birth === birth && roots.has(before.root)
          ? before.root
          : roots.has(session)
            ? session
            : above && ownerOf(above)
      owners.set(pid, owner)
      return owner
    }
    const found = new Map<number, Entry[]>()
    const members = new Map<number, { readonly birth: string; readonly root: number }>()
    for (const entry of entries.values()) {
      const root = ownerOf(entry)
      if (root === undefined) {
        this.#strangers.add(entry.pid)
      } else {
        members.set(entry.pid, { birth: entry.birth, root })
        found.set(root, [...(found.get(root) ?? []), entry])
      }
    }
    this.#members = members
    return found
  }

  share(pid: number): Promise<number | undefined> {
    return this.#table.share(pid)
  }
}

// --- Linux ---------------------------------------------------------------------------------------

class LinuxTable implements Table {
  // Synchronous: these files are the kernel's, and take microseconds.
  list(isStranger: (pid: number) => boolean): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    for (const name of readdirSync('/proc')) {
      const pid = Number(name)
      if (!Number.isInteger(pid) || isStranger(pid)) continue
      const entry = readLinux(pid)
      if (entry !== undefined) entries.push(entry)
    }
    return Promise.resolve(entries)
  }

  async share(pid: number): Promise<number | undefined> {
    try {
      // Not synchronous: the process can make this one wait.
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1')
      const pss = kilobytes(text, 'Pss')
      return pss === undefined ? undefined : (pss + (kilobytes(text, 'SwapPss') ?? 0)) * 1_024
    } catch {
      // Gone, older than Linux 4.14, or not ours to look at.
      return undefined
    }
  }
}

/** @returns undefined when there is no such process, or it is not ours to look at */
function readLinux(pid: number): Entry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name before it may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return {
      pid,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      birth: fields[19] ?? '',
      // What was swapped out is held all the same.
      bytes: ((kilobytes(status, 'VmRSS') ?? 0) + (kilobytes(status, 'VmSwap') ?? 0)) * 1_024,
    }
  } catch {
    return undefined
  }
}

function kilobytes(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)
  return found ? Number(found[1]) : undefined
}

// --- elsewhere -----------------------------------------------------------------------------------

const PS = '/bin/ps'

export class PsTable implements Table {
  async list(): Promise<readonly Entry[]> {
    const { stdout } = await promisify(execFile)(PS, ['-A', '-o', 'pid=,ppid=,pgid=,rss='], {
      maxBuffer: 16 * 1_024 * 1_024,
      timeout: 5_000,
    })
    return parsePs(stdout)
  }

  share(): Promise<undefined> {
    return Promise.resolve(undefined)
  }
}

/** @param text lines of: process id, parent, process group (its leader began as the session's, too), kilobytes */
export function parsePs(text: string): readonly Entry[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((fields) => fields.length === 4 && fields.every(Number.isInteger))
    .map(([pid, parent, session, size]) => ({
      pid: pid!,
      parent: parent!,
      session: session!,
      birth: '',
      bytes: size! * 1_024,
    }))
}
