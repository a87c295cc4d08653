/**
 * Everything that keeps membership true while a node runs, in one component: on the holder of the authority the
 * issuer, on every node the renewal of its own credential and the news of what was revoked.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { RearClient } from '../rear/client.ts'
import type { Route } from '../rear/route.ts'
import { CredentialIssuer } from './credential-issuer.ts'
import { CredentialRenewer } from './credential-renewer.ts'
import type { MembershipTrust } from './membership.ts'
import { membershipRoutes } from './membership-routes.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { MembershipWarning } from './membership-warning.ts'
import { replacePrivateFile } from '../kernel/private-file.ts'
import { RevocationFollower } from './revocation-follower.ts'
import type { Revocations } from './revocations.ts'
import { StoredRevocations } from './stored-revocations.ts'

export interface MembershipServiceOptions {
  readonly self: { readonly id: NodeId; readonly domain: string }
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly trust: Pick<MembershipTrust, 'trustedAuthorities'>
  /** The same that the registry decides by. */
  readonly revocations: Revocations
  /** Of the node; what follows is relative to it. */
  readonly directory: string
  /** File with our own credential. */
  readonly membershipFile: string | undefined
  readonly authorityDirectory: string | undefined
  /** How long a renewed credential lasts, in milliseconds. */
  readonly membershipLifetimeMs: number
  readonly system: System
  readonly log: Log
}

const REVOCATIONS_FILE = 'revocations.jws'

export class MembershipService implements Component {
  readonly routes: readonly Route[]
  readonly #log: Log
  readonly #file: string | undefined
  readonly #renewer: CredentialRenewer
  readonly #parts: readonly Component[]
  readonly #listeners = new Set<() => void>()

  constructor(options: MembershipServiceOptions) {
    const { self, client, registry, trust, revocations, directory, system } = options
    const log = options.log.child({ component: 'membership' })
    const file = options.membershipFile && resolve(directory, options.membershipFile)
    const issuer =
      options.authorityDirectory === undefined
        ? undefined
        : new CredentialIssuer({
            directory: resolve(directory, options.authorityDirectory),
            lifetimeMs: options.membershipLifetimeMs,
            revocations,
            system,
            log,
          })
    const shared = {
      domain: self.domain,
      client,
      registry,
      trust,
      revocations,
      read: () => this.current(),
      system,
      log,
    }
    this.#log = log
    this.#file = file
    this.#renewer = new CredentialRenewer({
      ...shared,
      self: self.id,
      write: async (jwt) => {
        if (file !== undefined) await replacePrivateFile(file, { text: () => `${jwt}\n` })
      },
      issuer,
      renewed: () => this.#listeners.forEach((listener) => listener()),
    })
    const stored = new StoredRevocations({
      file: resolve(directory, REVOCATIONS_FILE),
      revocations,
      trust,
      log,
    })
    // Who holds the authority has the list at first hand.
    const source = issuer ?? new RevocationFollower({ ...shared, write: (jws) => stored.write(jws) })
    this.#parts = [stored, source, this.#renewer]
    this.routes = membershipRoutes({ issuer, domain: self.domain, registry })
  }

  start(): Promise<void> {
    return startAll(this.#parts)
  }

  stop(): Promise<void> {
    return stopAll(this.#parts)
  }

  /** Our own credential, as it is now. */
  current(): string | undefined {
    if (this.#file === undefined) return undefined
    try {
      return readFileSync(this.#file, 'utf8').trim()
    } catch (error) {
      this.#log.warn({ err: error, path: this.#file }, 'the file cannot be read')
      return undefined
    }
  }

  /** Calls back whenever our own credential was renewed. @returns how to stop that */
  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What the operator should know, now. */
  warnings(): readonly MembershipWarning[] {
    return this.#renewer.warnings()
  }
}
