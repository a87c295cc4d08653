/**
 * Ready-made identities and domains for tests: real keys, real certificates, a real little authority.
 *
 * The same name gives the same key in every run.
 */
import {
  createIdentity,
  generateNodeKey,
  issueMembership,
  type Authority,
  type Identity,
  type MembershipTrust,
} from '../../src/privacy-and-security-manager/index.ts'
import { createHash } from 'node:crypto'
import type { PeerRole } from '../../src/objects/peer.ts'
import { realSystem, type System } from '../../src/kernel/system.ts'

/** @returns the identity that belongs to `name`, always the same. */
export function testIdentity(name: string, system: System = realSystem): Identity {
  const seed = createHash('sha256').update(`test identity ${name}`).digest()
  const key = generateNodeKey({ bytes: (count) => seed.subarray(0, count) })
  return createIdentity({ key, system, name })
}

export interface TestMember {
  readonly identity: Identity
  readonly role: PeerRole
  /** The membership credential, a JWT. */
  readonly membership: string
}

export interface TestDomain {
  readonly domain: string
  readonly authority: Authority
  readonly members: Readonly<Record<string, TestMember>>
  /** What a node that trusts this domain's authority is configured with. */
  readonly trust: MembershipTrust
  /** Issues a further credential. */
  issue(identity: Pick<Identity, 'id'>, role?: PeerRole, validForMs?: number): string
}

/**
 * @param domain its DNS name
 * @param names of the members; one that begins with `supernode` or `catalog` gets that role
 */
export function testDomain<const Name extends string>(
  domain: string,
  names: readonly Name[],
  system: System = realSystem,
): TestDomain & { readonly members: Readonly<Record<Name, TestMember>> } {
  const { key } = testIdentity(`authority of ${domain}`, system)
  const authority: Authority = { domain, id: key.id, key }
  const issue: TestDomain['issue'] = (identity, role = 'node', validForMs) =>
    issueMembership(authority, {
      subject: identity.id,
      role,
      system,
      ...(validForMs !== undefined && { validForMs }),
    })
  const member = (name: string): TestMember => {
    const identity = testIdentity(name, system)
    const role = /^(supernode|catalog)/.exec(name)?.[0] as PeerRole | undefined
    return { identity, role: role ?? 'node', membership: issue(identity, role) }
  }
  return {
    domain,
    authority,
    members: Object.fromEntries(names.map((name) => [name, member(name)])) as Record<Name, TestMember>,
    trust: { trustedAuthorities: new Map([[domain, [authority.id]]]) },
    issue,
  }
}
