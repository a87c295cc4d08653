/** Where a server is to listen, as the configuration writes it. */

/** For loopback, on any free port. */
export const DEFAULT_LISTEN = '127.0.0.1:0'

/** @returns whether a host:port names all addresses of the machine, and so none that others could use */
export function isUnspecified(text: string): boolean {
  const { host } = parseListen(text)
  return /^(0+(\.0+){0,3}|[0:]*:[0:]*|::ffff:0\.0\.0\.0)$/i.test(host)
}

/**
 * @param text host:port; port 0 is any free one, an IPv6 host stands in brackets
 * @throws Error when it is no host:port
 */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '')
  if (colon < 1 || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`"${text}" is no host:port`)
  return { host, port }
}
