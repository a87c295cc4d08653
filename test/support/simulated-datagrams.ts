/** Multicast in one process: the DatagramSocket port over function calls. Everybody in a group hears everybody, itself too. */
import type { MulticastGroup, OpenDatagramSocket } from '../../src/discovery-manager/index.ts'

type Handlers = Parameters<OpenDatagramSocket>[1]

export interface SimulatedDatagrams {
  /** @param address where the node sends from */
  opener(address: string): OpenDatagramSocket
  /** Sends as somebody who is no node. */
  shout(group: Pick<MulticastGroup, 'group' | 'port'>, data: Uint8Array | string): void
  /** Everything that was sent through sockets, oldest first. */
  readonly sent: readonly string[]
  /** Breaks the open sockets of a node. */
  fail(address: string, error: Error): void
  /** Whether opening fails. */
  down: boolean
}

export function createSimulatedDatagrams(): SimulatedDatagrams {
  const members = new Map<string, Set<{ readonly address: string; readonly handlers: Handlers }>>()
  const sent: string[] = []
  const keyOf = ({ group, port }: Pick<MulticastGroup, 'group' | 'port'>): string => `${group}:${port}`
  const deliver = (group: string, data: Uint8Array, address: string): void => {
    for (const { handlers } of members.get(group) ?? []) {
      handlers.onMessage(Buffer.from(data), { address, port: 4000 })
    }
  }
  return {
    sent,
    down: false,
    opener(address) {
      return (group, handlers) => {
        if (this.down) return Promise.reject(new Error('the network is down'))
        const key = keyOf(group)
        const member = { address, handlers }
        members.set(key, (members.get(key) ?? new Set()).add(member))
        return Promise.resolve({
          send: (data) => {
            if (this.down) return Promise.reject(new Error('the network is down'))
            sent.push(Buffer.from(data).toString())
            deliver(key, data, address)
            return Promise.resolve()
          },
          close: () => {
            members.get(key)?.delete(member)
            return Promise.resolve()
          },
        })
      }
    },
    shout(group, data) {
      deliver(keyOf(group), typeof data === 'string' ? Buffer.from(data) : data, '192.0.2.66')
    },
    fail(address, error) {
      for (const group of members.values()) {
        for (const member of [...group]) {
          if (member.address !== address) continue
          group.delete(member)
          member.handlers.onError(error)
        }
      }
    },
  }
}
