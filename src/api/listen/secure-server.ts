/** The HTTPS side of the control API, with certificates that it renews while it runs. */
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { isIP } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { System, Timer } from '../../kernel/system.ts'
import type { SecureAddress, SecureOptions } from '../control-api.ts'
import { controlCertificates } from './control-certificates.ts'
import { closeServer, LIMITS } from './server-limits.ts'

/** After a renewal that failed, for example because the disk is full. */
const TRY_AGAIN_MS = 3_600_000
const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/**
 * @param options.names under which it is reached, besides loopback ones
 * @throws the system's error, for example when the port is taken
 */
export async function listenSecurely(
  options: SecureOptions & {
    readonly names: readonly string[]
    readonly system: System
    readonly log: Log
    readonly handle: RequestListener
  },
): Promise<{ readonly address: SecureAddress; readonly close: () => Promise<void> }> {
  const { system, log, listen } = options
  const names = [...new Set([...LOOPBACK, ...options.names.filter(isReachable)])]
  const load = () => controlCertificates({ ...options, names })
  const { certificate: cert, key, authority, renewAt } = await load()
  const server = createServer({ ...LIMITS, cert, key, minVersion: 'TLSv1.2' }, options.handle)

  let timer: Timer | undefined
  const renewAfter = (ms: number): void => {
    timer = system.clock.after(ms, () => {
      load().then(
        (next) => {
          server.setSecureContext({ cert: next.certificate, key: next.key, minVersion: 'TLSv1.2' })
          renewAfter(next.renewAt - system.clock.now())
        },
        (error: unknown) => {
          log.error({ err: error }, 'the certificate of the control API could not be renewed')
          renewAfter(TRY_AGAIN_MS)
        },
      )
    })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen, () => {
      server.off('error', reject)
      resolve()
    })
  })
  renewAfter(renewAt - system.clock.now())
  const { address: host, port } = server.address() as AddressInfo
  return {
    address: { host, port, url: `https://${urlHost(host)}:${port}`, authority },
    close() {
      timer?.cancel()
      return closeServer(server)
    },
  }
}

/** All interfaces at once are no name. */
function isReachable(name: string): boolean {
  return name !== '0.0.0.0' && name !== '::'
}

/** Who listens everywhere is reached on loopback, too. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return isIP(host) === 6 ? `[${host}]` : host
}
