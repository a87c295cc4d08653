/** What was last heard of revocations, kept in a file over a restart: until others answer, it is what we know. */
import { readFileSync } from 'node:fs'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import { MembershipError } from './membership-error.ts'
import type { MembershipTrust } from './membership.ts'
import { replacePrivateFile } from '../kernel/private-file.ts'
import { verifyRevocations, type Revocations } from './revocations.ts'

export interface StoredRevocationsOptions {
  readonly file: string
  /** Where what the file says goes at the start. */
  readonly revocations: Revocations
  readonly trust: Pick<MembershipTrust, 'trustedAuthorities'>
  readonly log: Log
}

export class StoredRevocations implements Component {
  readonly #options: StoredRevocationsOptions

  constructor(options: StoredRevocationsOptions) {
    this.#options = options
  }

  start(): Promise<void> {
    const { file, revocations, trust, log } = this.#options
    const jws = readIfThere(file)
    if (jws === undefined) return Promise.resolve()
    try {
      revocations.add(verifyRevocations(jws, trust))
    } catch (error) {
      if (!(error instanceof MembershipError)) return Promise.reject(error as Error)
      log.warn({ err: error, path: file }, 'the stored list of revocations proves nothing')
    }
    return Promise.resolve()
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }

  /** @param jws the list, signed by the authority; it was checked */
  write(jws: string): Promise<void> {
    return replacePrivateFile(this.#options.file, { text: () => `${jws}\n` })
  }
}

/** A file that cannot be read is as good as none: the list is only what we know until we are told. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
