/**
 * Users of this machine that guests run as: allocated, never computed from what a guest can choose, so that no
 * guest can become another. One file for each user that is taken, made so that only one can make it, in a directory
 * that all nodes on this machine share; it says whose it is, so that a next life of the node finds it again.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Users from here on belong to nobody on usual machines. */
const FIRST_USER = 200_000
const USERS = 100_000

interface Claim {
  /** Of the node that took it; when that is gone, the user is free. */
  readonly directory: string
  readonly group: string
}

/** @returns where the users that are taken on this machine are written down; only for root */
export function sharedClaims(): string {
  const [run] = ['/run', '/var/run'].filter(existsSync)
  return join(run ?? tmpdir(), 'tributary-guests')
}

export class Identities {
  readonly #claims: string
  readonly #directory: string
  readonly #users = new Map<string, number>()

  /**
   * @param directory the node's own: claims are its as long as it is there
   * @param claims where all nodes of this machine write them down
   */
  constructor(directory: string, claims: string = sharedClaims()) {
    this.#directory = directory
    this.#claims = claims
  }

  /** @returns the user of the group, allocated when it has none. @throws Error when none is left */
  of(group: string): number {
    const known = this.#users.get(group)
    if (known !== undefined) return known
    mkdirSync(this.#claims, { recursive: true, mode: 0o700 })
    const taken = new Map<number, Claim | undefined>()
    for (const name of readdirSync(this.#claims)) taken.set(Number(name), this.#read(Number(name)))
    for (const [user, claim] of taken) {
      if (claim?.group === group && claim.directory === this.#directory) return this.#keep(group, user)
      if (claim !== undefined && !existsSync(claim.directory)) {
        rmSync(this.#path(user), { force: true })
        taken.delete(user)
      }
    }
    for (let user = FIRST_USER; user < FIRST_USER + USERS; user++) {
      if (taken.has(user)) continue
      try {
        const claim: Claim = { directory: this.#directory, group }
        writeFileSync(this.#path(user), JSON.stringify(claim), { flag: 'wx', mode: 0o600 })
        return this.#keep(group, user)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
    throw new Error(`all ${USERS} users for guests are taken on this machine`)
  }

  /** To be called when nothing of the group is left anywhere. */
  release(group: string): void {
    const user = this.#users.get(group)
    this.#users.delete(group)
    if (user !== undefined) rmSync(this.#path(user), { force: true })
  }

  #keep(group: string, user: number): number {
    this.#users.set(group, user)
    return user
  }

  #path(user: number): string {
    return join(this.#claims, String(user))
  }

  #read(user: number): Claim | undefined {
    try {
      return JSON.parse(readFileSync(this.#path(user), 'utf8')) as Claim
    } catch {
      // Just being written, or just gone: taken, as far as we know.
      return undefined
    }
  }
}
