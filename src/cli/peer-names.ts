/**
 * What the other nodes are called, for texts that speak of them by their ids.
 */
import type { NodeStatus } from '../node/node-status.ts'
import type { ControlClient } from './control-client.ts'
import { printable, shortId } from './printable.ts'

/** A did:key of an Ed25519 key, wherever it stands in a text. */
const NODE_ID = /did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{40,}/g

/** @returns whether the text names nodes by their ids */
export function hasNodeIds(text: string): boolean {
  return text.search(NODE_ID) >= 0
}

/**
 * @returns names for the ids of this node and of those with which it deals. What strangers call themselves
 *   proves nothing, and a name that two nodes use tells neither: they are left out
 */
export async function peerNames(client: ControlClient): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>()
  let status: NodeStatus
  try {
    status = await client.get<NodeStatus>('/tributary/v1/status')
  } catch {
    // Names are a comfort; whoever called has better things to complain about.
    return names
  }
  names.set(status.id, status.name)
  for (const { id, name, phase } of status.peers) {
    if (id !== undefined && name !== undefined && name !== '' && phase === 'Accepted')
      names.set(id, printable(name))
  }
  const counts = Map.groupBy(names.values(), (name) => name)
  return new Map([...names].filter(([, name]) => counts.get(name)!.length === 1))
}

const NOBODY: ReadonlyMap<string, string> = new Map()

/** @returns `text` with names for the nodes that have one, and the short form of all other node ids */
export function withNodeNames(text: string, names: ReadonlyMap<string, string> = NOBODY): string {
  return text.replace(NODE_ID, (id) => names.get(id) ?? shortId(id))
}
