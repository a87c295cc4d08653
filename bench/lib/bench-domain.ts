/** A domain for a benchmark: an authority, and directories of member nodes as `tributary init` would leave them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Config } from '../../src/config/index.ts'
import { realSystem } from '../../src/kernel/system.ts'
import {
  createIdentity,
  generateNodeKey,
  issueMembership,
  loadNodeKey,
  saveNodeKey,
  type Authority,
  type Identity,
} from '../../src/privacy-and-security-manager/index.ts'

const DEFAULT_DOMAIN = 'bench.example'
const MEMBERSHIP = 'membership.jwt'

export interface BenchDomain {
  readonly name: string
  /** Of its authority: what others put under `trustedAuthorities`. */
  readonly authority: string
  /** @returns the directory of a new member; see `loadMember` and `startNode` */
  addNode(name: string, config?: Omit<Config, 'name' | 'domain'>): Promise<string>
}

/**
 * @param directory everything is made below it
 * @param domainName needed where there are several
 */
export function createBenchDomain(directory: string, domainName = DEFAULT_DOMAIN): BenchDomain {
  const key = generateNodeKey(realSystem.random)
  const authority: Authority = { domain: domainName, id: key.id, key }
  return {
    name: domainName,
    authority: authority.id,
    async addNode(name, config = {}) {
      const place = join(directory, name)
      mkdirSync(place, { recursive: true })
      const own = generateNodeKey(realSystem.random)
      await saveNodeKey(own, join(place, 'node.key'))
      writeFileSync(
        join(place, MEMBERSHIP),
        issueMembership(authority, { subject: own.id, role: config.role ?? 'node', system: realSystem }),
      )
      const whole: Config = {
        log: { level: 'error' },
        ...config,
        name,
        domain: { name: domainName, authority: authority.id, membership: MEMBERSHIP },
      }
      writeFileSync(join(place, 'config.yaml'), stringify(whole))
      return place
    },
  }
}

export interface Member {
  readonly domain: string
  readonly identity: Identity
  readonly membership: string
}

/** @returns the identity and credential in a directory that `addNode` made */
export async function loadMember(directory: string): Promise<Member> {
  const key = await loadNodeKey(join(directory, 'node.key'))
  const { domain } = parse(readFileSync(join(directory, 'config.yaml'), 'utf8')) as Config
  return {
    domain: domain!.name,
    identity: createIdentity({ key, system: realSystem, name: 'member' }),
    membership: readFileSync(join(directory, MEMBERSHIP), 'utf8'),
  }
}
