/**
 * Makes what a node's directory holds: key, configuration, membership credential.
 *
 * Used by `init`, `domain` and the demo. Nothing that exists is overwritten.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Config, defaultConfigText } from '../config/index.ts'
import type { System } from '../kernel/system.ts'
import type { PeerRole } from '../objects/peer.ts'
import {
  type Authority,
  generateNodeKey,
  issueMembership,
  saveNodeKey,
} from '../privacy-and-security-manager/index.ts'
import { CliError } from './cli-error.ts'
import { tightenDirectory } from './private-directory.ts'

export const KEY_FILE = 'node.key'
export const CONFIG_FILE = 'config.yaml'
export const MEMBERSHIP_FILE = 'membership.jwt'

/**
 * @param options.config what is known of the configuration; the membership file is added for an authority
 * @param options.authority issues a membership credential for the new node; no longer needed afterwards
 * @param options.authorityDirectory where the authority is, for a node that is to renew and revoke for it
 * @returns the id of the new node
 * @throws CliError when the directory is in use already; nothing has changed then
 */
export async function createNodeDirectory(options: {
  readonly directory: string
  readonly config: Config
  readonly system: System
  readonly authority?: Authority | undefined
  readonly authorityDirectory?: string | undefined
  readonly membershipMs?: number | undefined
}): Promise<string> {
  const { directory, system, authority, authorityDirectory } = options
  await refuseUsed(directory)
  const existed = existsSync(directory)
  const key = generateNodeKey(system.random)
  const made: string[] = []
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(directory, name), text, { flag: 'wx', mode: 0o600 })
    made.push(name)
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // One that was there already may be open to others.
  await tightenDirectory(directory)
  try {
    await saveNodeKey(key, join(directory, KEY_FILE))
    made.push(KEY_FILE)
    const domain = authority
      ? {
          name: authority.domain,
          authority: authority.id,
          membership: MEMBERSHIP_FILE,
          ...(authorityDirectory === undefined
            ? {}
            : { authorityDirectory: relative(directory, authorityDirectory) }),
        }
      : options.config.domain
    if (authority) {
      const role: PeerRole = options.config.role ?? 'node'
      const validForMs = options.membershipMs
      const credential = issueMembership(authority, {
        subject: key.id,
        role,
        system,
        ...(validForMs === undefined ? {} : { validForMs }),
      })
      await write(MEMBERSHIP_FILE, `${credential}\n`)
    }
    await write(CONFIG_FILE, defaultConfigText({ ...options.config, ...(domain ? { domain } : {}) }))
  } catch (error) {
    // Half a node is worse than none.
    await Promise.all(made.map((name) => rm(join(directory, name), { force: true })))
    if (!existed) await rm(directory, { recursive: true, force: true })
    throw error
  }
  return key.id
}

async function refuseUsed(directory: string): Promise<void> {
  let names: readonly string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (names.includes(KEY_FILE) || names.includes(CONFIG_FILE)) {
    throw new CliError(
      `there is a node in ${directory} already, and its key is not overwritten\n` +
        'Choose another directory with --dir DIR, or move that one away.',
    )
  }
  if (names.length > 0) {
    throw new CliError(`${directory} is not empty; choose another directory with --dir DIR`)
  }
}
