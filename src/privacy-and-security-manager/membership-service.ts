/**
 * Everything that keeps membership true while a node runs, in one component: on the holder of the authority its
 * issuer, on every node the renewal of its own credential and the news of what was revoked.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import { durationSeconds } from '../quantity/price.ts'
import type { RearClient } from '../rear/client.ts'
import type { Route } from '../rear/route.ts'
import type { MembershipTrust } from './membership.ts'
import { MembershipError } from './membership-error.ts'
import { CredentialRenewer, type MembershipWarning } from './credential-renewer.ts'
import { CredentialIssuer } from './credential-issuer.ts'
import { membershipRoutes } from './membership-routes.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { replacePrivateFile } from './private-file.ts'
import { verifyRevocations, type Revocations } from './revocations.ts'

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
  /** How long a renewed credential lasts, such as `24h`. */
  readonly membershipLifetime: string | undefined
  readonly system: System
  readonly log: Log
}

export interface MembershipService extends Component {
  readonly routes: readonly Route[]
  /** Our own credential, as it is now. */
  current(): string | undefined
  /** Calls back whenever our own credential was renewed. @returns how to stop that */
  onRenewed(listener: () => void): () => void
  warnings(): readonly MembershipWarning[]
}

/** How long a renewed credential lasts unless the configuration says otherwise. */
const DEFAULT_LIFETIME = '24h'
const REVOCATIONS_FILE = 'revocations.jws'

export function createMembershipService(options: MembershipServiceOptions): MembershipService {
  const { self, client, registry, trust, revocations, directory, system } = options
  const listeners = new Set<() => void>()
  const log = options.log.child({ component: 'membership' })
  const file = options.membershipFile && resolve(directory, options.membershipFile)
  const listFile = resolve(directory, REVOCATIONS_FILE)
  const current = (): string | undefined => (file === undefined ? undefined : readText(file, log))
  const lifetimeMs = (durationSeconds(options.membershipLifetime ?? DEFAULT_LIFETIME) ?? 0) * 1000
  const issuer =
    options.authorityDirectory === undefined
      ? undefined
      : new CredentialIssuer({
          directory: resolve(directory, options.authorityDirectory),
          lifetimeMs,
          revocations,
          system,
          log,
        })
  const renewer = new CredentialRenewer({
    self: self.id,
    domain: self.domain,
    client,
    registry,
    trust,
    revocations,
    read: current,
    write: (jwt) =>
      file === undefined ? Promise.resolve() : replacePrivateFile(file, { text: () => `${jwt}\n` }),
    writeRevocations: (jws) => replacePrivateFile(listFile, { text: () => `${jws}\n` }),
    issuer,
    renewed: () => listeners.forEach((listener) => listener()),
    system,
    log,
  })
  const remembered: Component = {
    async start() {
      const jws = readText(listFile)
      if (jws === undefined) return
      try {
        revocations.add(verifyRevocations(jws, trust))
      } catch (error) {
        if (!(error instanceof MembershipError)) throw error
        log.warn({ err: error, path: listFile }, 'the stored list of revocations proves nothing')
      }
    },
    stop: () => Promise.resolve(),
  }
  const parts: readonly Component[] = [remembered, ...(issuer ? [issuer] : []), renewer]
  return {
    routes: membershipRoutes({ issuer, domain: self.domain, registry }),
    current,
    onRenewed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    warnings: () => renewer.warnings(),
    start: () => startAll(parts),
    stop: () => stopAll(parts),
  }
}

/** @param log is told when the file should be there and is not */
function readText(path: string, log?: Log): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (log || (error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log?.warn({ err: error, path }, 'the file cannot be read')
    }
    return undefined
  }
}
