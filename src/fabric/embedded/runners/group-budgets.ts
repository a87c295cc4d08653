/**
 * What of each contract's processes and disk is given out, by whichever runner: the pods of one contract may run in two
 * (those with images in containers, others in sandboxes), and together they get no more than the contract has. CPU and
 * memory need no such book: what all containers of a contract may use of them is never more than the contract.
 */
import { type ProcessGroup, RunnerError } from '../runner.ts'

type Budgeted = 'pids' | 'diskBytes'

export interface Share {
  readonly amount: number
  /** Idempotent. */
  giveBack(): void
}

/** Processes and threads of a contract that states no number. */
const DEFAULT_PIDS = 2_048

const PIDS_PART = 8

const WORDS: Readonly<Record<Budgeted, string>> = { pids: 'processes', diskBytes: 'bytes of disk' }

export class GroupBudgets {
  readonly #defaults: Readonly<Record<Budgeted, number>>
  readonly #taken = new Map<string, number>()

  /** @param diskBytes what a contract may write that does not say */
  constructor({ diskBytes, pids = DEFAULT_PIDS }: { readonly diskBytes: number; readonly pids?: number }) {
    this.#defaults = { diskBytes, pids }
  }

  whole(group: ProcessGroup, what: Budgeted): number {
    return group.limits[what] ?? this.#defaults[what]
  }

  /** @returns what is not given out */
  left(group: ProcessGroup, what: Budgeted): number {
    return this.whole(group, what) - (this.#taken.get(`${what} ${group.id}`) ?? 0)
  }

  /**
   * @param least so many whatever is left
   * @returns processes for one more pod or container: a part of what is left, so that there is some for many
   */
  nextPids(group: ProcessGroup, least: number): Share {
    const part = Math.floor(this.left(group, 'pids') / PIDS_PART)
    return this.take(group, 'pids', Math.max(least, part))
  }

  /** @throws RunnerError `directory-failed` or `spawn-failed` when there is less than `amount` left */
  take(group: ProcessGroup, what: Budgeted, amount: number): Share {
    const left = this.left(group, what)
    if (amount > left) {
      throw new RunnerError(
        what === 'pids' ? 'spawn-failed' : 'directory-failed',
        `the contract has ${left} of its ${this.whole(group, what)} ${WORDS[what]} left, ${amount} are wanted`,
      )
    }
    const key = `${what} ${group.id}`
    const add = (more: number): void => {
      const sum = (this.#taken.get(key) ?? 0) + more
      if (sum > 0) this.#taken.set(key, sum)
      else this.#taken.delete(key)
    }
    add(amount)
    let isTaken = true
    return {
      amount,
      giveBack() {
        if (isTaken) add(-amount)
        isTaken = false
      },
    }
  }
}
