/**
 * Where connections lead, and where servers listen.
 */
import type { AddressInfo } from 'node:net'
import { formatHostPort, notHostPort, readHostPort, type HostPort } from '../../objects/host-port.ts'
import { TransportError } from './transport-error.ts'

/** @throws TransportError `unreachable` when nothing can be there */
export function parseAddress(address: string): HostPort {
  const read = readHostPort(address)
  if (read === undefined || read.port === 0) throw new TransportError('unreachable', notHostPort(address))
  return read
}

/** @returns host:port, with brackets around an IPv6 host. */
export function formatAddress(host: string | undefined, port: number | undefined): string {
  return formatHostPort({ host: host ?? 'unknown', port: port ?? 0 })
}

/** @returns where a listening server listens. */
export function listeningAddress(info: AddressInfo | string | null): string {
  if (info === null || typeof info === 'string') return String(info)
  return formatAddress(info.address, info.port)
}
