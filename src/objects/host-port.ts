/** host:port, in and out of text, for everybody: listeners, peers, configuration, command line. */

export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

const HOST_PORT = /^(?:\[(?<v6>[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/

/** @returns undefined when it is not host:port; port 0, for any free one, is */
export function readHostPort(text: unknown): HostPort | undefined {
  const groups = typeof text === 'string' ? HOST_PORT.exec(text)?.groups : undefined
  const host = groups?.['v6'] ?? groups?.['host']
  const port = Number(groups?.['port'])
  return host === undefined || !(port >= 0 && port < 65_536) ? undefined : { host, port }
}

/**
 * @param text port 0 is any free one, an IPv6 host stands in brackets
 * @throws RangeError when it is not host:port
 */
export function parseHostPort(text: string): HostPort {
  const read = readHostPort(text)
  if (read === undefined) throw new RangeError(notHostPort(text))
  return read
}

/** @returns what is said of a text that is not host:port */
export function notHostPort(text: string): string {
  return `${JSON.stringify(text.slice(0, 100))} is not host:port`
}

/** @returns host:port, with brackets around an IPv6 host */
export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** @returns whether a host names all addresses of the machine, and so none that others could use */
export function isUnspecified({ host }: Pick<HostPort, 'host'>): boolean {
  return /^(0+(\.0+){0,3}|[0:]*:[0:]*|::ffff:0\.0\.0\.0)$/i.test(host)
}

/** @returns whether a host is on this machine only */
export function isLoopback({ host }: Pick<HostPort, 'host'>): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
