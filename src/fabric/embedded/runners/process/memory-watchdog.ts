/**
 * Keeps limits of memory on machines where the kernel does not do it for us: looks a few times a second
 * at what the programs hold, and kills those that exceed their limit.
 *
 * Weaker than control groups: between two looks a program can take more than it may, and files that it
 * keeps in memory are not counted. Looks only while something runs that has a limit.
 */
import type { Log } from '../../../../kernel/log.ts'
import { sleep, type System, type Timer } from '../../../../kernel/system.ts'
import type { Member, ProcessTrees } from './process-trees.ts'
import type { ProcessGroup, ProcessLimits } from '../../runner.ts'

export interface MemoryWatchdogOptions {
  /** To which the programs are added before they are watched. */
  readonly trees: ProcessTrees
  readonly system: System
  readonly log: Log
}

export interface WatchedProgram {
  /** Of its first process, the leader of a session and process group. */
  readonly pid: number
  readonly group: ProcessGroup
  readonly limits: ProcessLimits
}

export interface MemoryWatch {
  /** Whether the program was killed for its memory. */
  readonly exceeded: boolean
  /** To be called when the first process has ended. */
  end(): void
}

const LOOKS_PER_SECOND = 4
/** For one process: if the kernel does not tell its share by then, all that it sees counts. */
const SHARE_LIMIT_MS = 1_000

interface Entry extends WatchedProgram {
  exceeded: boolean
}

interface Usage {
  readonly entry: Entry
  readonly members: readonly Member[]
  readonly bytes: number
}

export class MemoryWatchdog {
  /** For people; begins with a name for programs. */
  readonly description = `watchdog (memory checked ${LOOKS_PER_SECOND} times a second, CPU by priority only)`
  readonly #trees: ProcessTrees
  readonly #system: System
  readonly #log: Log
  readonly #watched = new Map<number, Entry>()
  #timer: Timer | undefined
  #looking = false

  constructor({ trees, system, log }: MemoryWatchdogOptions) {
    this.#trees = trees
    this.#system = system
    this.#log = log
  }

  watch(program: WatchedProgram): MemoryWatch {
    const entry: Entry = { ...program, exceeded: false }
    if (program.limits.memoryBytes !== undefined || program.group.limits.memoryBytes !== undefined) {
      this.#watched.set(program.pid, entry)
      this.#arm()
    }
    return {
      get exceeded() {
        return entry.exceeded
      },
      end: () => {
        if (this.#watched.get(program.pid) === entry) this.#watched.delete(program.pid)
        if (this.#watched.size === 0) this.stop()
      },
    }
  }

  /** Looks no more; programs that are still watched are let be. Idempotent. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#watched.clear()
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#looking || this.#watched.size === 0) return
    this.#timer = this.#system.clock.after(1_000 / LOOKS_PER_SECOND, () => {
      this.#timer = undefined
      this.#looking = true
      void this.#look()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'the memory of programs was not checked'))
        .finally(() => {
          this.#looking = false
          this.#arm()
        })
    })
  }

  async #look(): Promise<void> {
    const trees = await this.#trees.look()
    const groups = new Map<string, Usage[]>()
    for (const entry of this.#watched.values()) {
      const members = trees.get(entry.pid) ?? []
      const usage = { entry, members, bytes: sum(members) }
      groups.set(entry.group.id, [...(groups.get(entry.group.id) ?? []), usage])
    }
    for (const usages of groups.values()) await this.#keepLimits(usages)
  }

  async #keepLimits(usages: readonly Usage[]): Promise<void> {
    let left: Usage[] = []
    for (const usage of usages) {
      const limit = usage.entry.limits.memoryBytes ?? Infinity
      // Only who seems to exceed it is measured closely: that takes longer.
      const exact = usage.bytes > limit ? await this.#exact(usage) : usage
      if (exact.bytes > limit) await this.#kill(exact, limit, 'program')
      else left.push(exact)
    }
    // What was said last of the group holds.
    const limit = usages.at(-1)?.entry.group.limits.memoryBytes ?? Infinity
    if (sum(left) <= limit) return
    left = await Promise.all(left.map((usage) => this.#exact(usage)))
    left.sort((a, b) => a.bytes - b.bytes)
    while (sum(left) > limit) await this.#kill(left.pop()!, limit, 'group')
  }

  async #exact(usage: Usage): Promise<Usage> {
    const { clock } = this.#system
    const shares = await Promise.all(
      usage.members.map(async ({ pid, bytes }) => {
        const done = new AbortController()
        const late = sleep(clock, SHARE_LIMIT_MS, done.signal).catch(() => {})
        const share = await Promise.race([this.#trees.share(pid), late])
        done.abort()
        return { bytes: share ?? bytes }
      }),
    )
    return { ...usage, bytes: sum(shares) }
  }

  async #kill({ entry, bytes }: Usage, limit: number, whose: 'program' | 'group'): Promise<void> {
    // Measuring took time, in which ids may have gone to others.
    const members = (await this.#trees.look()).get(entry.pid) ?? []
    if (this.#watched.get(entry.pid) !== entry) return
    const { pid, group } = entry
    this.#log.warn({ pid, group: group.id, bytes, limit, whose }, 'killed a program for its memory')
    entry.exceeded = true
    for (const id of [-pid, ...members.map((member) => member.pid)]) {
      try {
        process.kill(id, 'SIGKILL')
      } catch {
        // Gone meanwhile.
      }
    }
  }
}

function sum(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0)
}
