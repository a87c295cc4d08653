/**
 * host:port, in and out of text.
 */
import type { AddressInfo } from 'node:net'
import { TransportError } from './transport-error.ts'

const ADDRESS = /^(?:\[(?<v6>[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/

/** @throws TransportError `unreachable` when `address` is not host:port */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const groups = ADDRESS.exec(address)?.groups
  const host = groups?.['v6'] ?? groups?.['host']
  const port = Number(groups?.['port'])
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw new TransportError(
      'unreachable',
      `not an address (host:port): ${JSON.stringify(address.slice(0, 100))}`,
    )
  }
  return { host, port }
}

/** @returns host:port, with brackets around an IPv6 host. */
export function formatAddress(host: string | undefined, port: number | undefined): string {
  const name = host ?? 'unknown'
  return `${name.includes(':') ? `[${name}]` : name}:${port ?? 0}`
}

/** @returns where a listening server listens. */
export function listeningAddress(info: AddressInfo | string | null): string {
  if (info === null || typeof info === 'string') return String(info)
  return formatAddress(info.address, info.port)
}
