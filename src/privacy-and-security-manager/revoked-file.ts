/**
 * `revoked.json` in the authority's directory: what the authority took back. Written by the command line, read
 * by the supernode that holds the authority.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rfc3339, type System } from '../kernel/system.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import { loadAuthority } from './authority.ts'
import { KeyFileError } from './node-key.ts'
import { replacePrivateFile } from '../kernel/private-file.ts'
import { parseRevocations, type Revocation } from './revocations.ts'

/** @returns where an authority keeps what it took back */
export const revokedFile = (directory: string): string => join(directory, 'revoked.json')

/**
 * @param directory of the authority
 * @returns what was revoked, oldest first; nothing when there is no such file
 * @throws KeyFileError `malformed`, `permissions` (it cannot be read)
 */
export function readRevoked(directory: string): readonly Revocation[] {
  const path = revokedFile(directory)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new KeyFileError('permissions', `cannot read ${path}: ${code}`, { cause })
  }
  let entries: readonly Revocation[] | undefined
  let cause: unknown
  try {
    entries = parseRevocations((JSON.parse(text) as { revoked?: unknown } | null)?.revoked)
  } catch (error) {
    cause = error
  }
  if (entries === undefined)
    throw new KeyFileError('malformed', `${path} is not a list of revocations`, { cause })
  return entries
}

/**
 * Takes the membership of a node back, or one credential and what renews it. The supernode that holds the
 * authority, and the members of the domain that reach it, honour it within seconds, everybody else when the
 * credential ends. The node can be admitted anew, a second later or after.
 *
 * @param directory of the authority, as `createAuthority` made it
 * @param what the id of the node, or the id (`jti`) of a credential
 * @returns whether that was news: false when it had been revoked before
 * @throws KeyFileError when there is no authority in the directory, or another revocation is being written;
 *   IdError when `node` is no node id; RangeError when the credential's id is empty
 */
export async function revokeMembership(
  directory: string,
  what: { readonly node: string } | { readonly jti: string },
  system: System,
): Promise<boolean> {
  await loadAuthority(directory)
  const at = system.clock.now()
  const entry: Revocation =
    'node' in what ? { node: parseNodeId(what.node), at } : { credential: what.jti, at }
  if ('credential' in entry && entry.credential.trim() === '') throw new RangeError('the id is empty')
  const path = revokedFile(directory)
  let news = true
  try {
    await replacePrivateFile(path, {
      exclusive: true,
      text: () => {
        const before = readRevoked(directory)
        news =
          'node' in entry ||
          !before.some((each) => 'credential' in each && each.credential === entry.credential)
        const after = [...before.filter((each) => !sameNode(each, entry)), ...(news ? [entry] : [])]
        return `${JSON.stringify({ revoked: after.map(({ at, ...rest }) => ({ ...rest, at: rfc3339(at) })) }, null, 2)}\n`
      },
    })
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new KeyFileError(
      exists ? 'exists' : 'unwritable',
      exists
        ? `another revocation is in progress (${path}.new exists); if none is, remove that file and try again`
        : `cannot write ${path}`,
      { cause },
    )
  }
  return news
}

/** The latest revocation of a node says all that earlier ones said. */
function sameNode(a: Revocation, b: Revocation): boolean {
  const nodeOf = (entry: Revocation): NodeId | undefined => ('node' in entry ? entry.node : undefined)
  return nodeOf(a) !== undefined && nodeOf(a) === nodeOf(b)
}
