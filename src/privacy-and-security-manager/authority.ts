/**
 * A domain's authority: the key that says who belongs to the domain. Normally held by the domain's supernode.
 */
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeId, type NodeId } from '../objects/ids.ts'
import type { System } from '../kernel/system.ts'
import { generateNodeKey, KeyFileError, loadNodeKey, saveNodeKey, type NodeKey } from './node-key.ts'

export interface Authority {
  readonly domain: string
  /** What others configure as trusted for the domain. */
  readonly id: NodeId
  readonly key: NodeKey
}

const KEY_FILE = 'authority.key'
const FACTS_FILE = 'authority.json'
/** A DNS name, as domains are named everywhere else. */
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/**
 * Makes a new authority and stores it.
 * @param directory where `authority.key` (mode 0600) and `authority.json` go; made if absent
 * @throws KeyFileError `exists` when the directory has an authority: it is never overwritten
 * @throws RangeError when `domain` is not a DNS name in lower case
 */
export async function createAuthority(directory: string, domain: string, system: System): Promise<Authority> {
  if (!DOMAIN.test(domain)) throw new RangeError(`not a domain name: ${JSON.stringify(domain)}`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = generateNodeKey(system.random)
  const authority: Authority = { domain, id: key.id, key }
  const facts = join(directory, FACTS_FILE)
  // The key first: `wx` makes it the lock between two who try at once.
  await saveNodeKey(key, join(directory, KEY_FILE))
  try {
    const file = await open(facts, 'wx', 0o644)
    try {
      await file.writeFile(`${JSON.stringify({ domain, id: key.id }, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new KeyFileError('unwritable', `cannot write ${facts}`, { cause })
  }
  return authority
}

/**
 * @param directory where `createAuthority` stored it
 * @throws KeyFileError `missing`, `permissions`, `malformed` (also when key and facts do not belong together)
 */
export async function loadAuthority(directory: string): Promise<Authority> {
  const key = await loadNodeKey(join(directory, KEY_FILE))
  const path = join(directory, FACTS_FILE)
  let facts: { domain?: unknown; id?: unknown }
  try {
    facts = JSON.parse(await readFile(path, 'utf8')) as typeof facts
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new KeyFileError(missing ? 'missing' : 'malformed', `cannot read the authority's ${path}`, {
      cause,
    })
  }
  const { domain, id } = facts
  if (typeof domain !== 'string' || !DOMAIN.test(domain) || typeof id !== 'string' || !isNodeId(id)) {
    throw new KeyFileError('malformed', `${path} must hold a domain and an id`)
  }
  if (id !== key.id) throw new KeyFileError('malformed', `${path} is not about the key beside it`)
  return { domain, id, key }
}
