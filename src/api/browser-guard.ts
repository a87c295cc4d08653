/**
 * Keeps web pages of others away: a second fence behind the token, which no browser sends by itself.
 *
 * A page of another site could have the user's browser send requests here (they carry an `Origin`), or make
 * its own name resolve to this address (they carry its name as `Host`). Not an authentication.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { ApiError } from './status.ts'

/**
 * @param allowedHosts names besides loopback ones and the address that the request came in on
 * @throws ApiError `Forbidden`
 */
export function checkBrowser(request: IncomingMessage, allowedHosts: readonly string[]): void {
  const { host: hostHeader, origin } = request.headers
  const { localAddress = '', localPort } = request.socket
  const own = localAddress.replace(/^::ffff:/, '')
  const isOurs = (name: string): boolean =>
    isLoopbackName(name) || name === own || allowedHosts.some((allowed) => allowed.toLowerCase() === name)

  const host = hostOf(hostHeader ?? '')
  if (host === undefined || !isOurs(host.name)) {
    throw new ApiError('Forbidden', 'the Host header names another host than this one')
  }
  if (origin !== undefined) {
    const page = URL.parse(origin)
    const from = page && hostOf(page.host)
    const port = from?.port ?? (page?.protocol === 'https:' ? 443 : 80)
    if (
      !page ||
      !['http:', 'https:'].includes(page.protocol) ||
      !from ||
      !isOurs(from.name) ||
      port !== localPort
    ) {
      throw new ApiError('Forbidden', 'requests from web pages of other origins are refused')
    }
  }
}

function hostOf(header: string): { readonly name: string; readonly port: number | undefined } | undefined {
  const [, name, port] = /^(\[[0-9a-fA-F:.]+\]|[^:@/\s]+)(?::(\d{1,5}))?$/.exec(header) ?? []
  if (name === undefined) return undefined
  return {
    name: name.replace(/^\[|\]$/g, '').toLowerCase(),
    port: port === undefined ? undefined : Number(port),
  }
}

function isLoopbackName(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  )
}
