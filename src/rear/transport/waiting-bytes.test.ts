import { connect } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { testIdentity } from '../../../test/support/identities.ts'
import { silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { Mux } from '../mux/mux.ts'
import { SESSION_PROTOCOL } from './session-protocol.ts'
import { createTlsTransport } from './tls-transport.ts'
import type { Transport } from './transport.ts'

const MIB = 1 << 20

describe('one connection that begins many requests with large bodies', () => {
  let transport: Transport | undefined
  afterEach(() => transport?.close())

  /** @returns how many of forty bodies of 900 KiB reach the handler while none is answered, and how many get 429 */
  async function flood(
    maxWaitingBytes: number,
  ): Promise<{ readonly kept: number; readonly refused: number }> {
    const log = silentLog
    const server = testIdentity('server', realSystem)
    transport = createTlsTransport({
      identity: server,
      system: realSystem,
      log,
      limits: { maxWaitingBytes, maxWaitingBytesOfPeer: maxWaitingBytes },
    })
    let kept = 0
    let refused = 0
    let done!: () => void
    const all = new Promise<void>((resolve) => (done = resolve))
    const listener = await transport.listen({
      host: '127.0.0.1',
      port: 0,
      handler: ({ body }) => {
        kept += body?.length ?? 0
        if (kept / (900 << 10) + refused >= 40) done()
        return new Promise(() => undefined)
      },
      onStream: () => undefined,
    })
    const caller = testIdentity('caller', realSystem)
    const socket = connect({
      port: Number(listener.address.split(':')[1]),
      cert: caller.certificate,
      key: caller.privateKey,
      rejectUnauthorized: false,
      ALPNProtocols: [SESSION_PROTOCOL],
    })
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    const mux = new Mux(socket, {
      ...{ clock: realSystem.clock, peer: 'server', maxStreams: 100 },
      ...{ pingIntervalMs: 60_000, idleTimeoutMs: 60_000, onClose: () => undefined },
    })
    for (let index = 0; index < 40; index++) {
      const stream = mux.open({ kind: 'request', method: 'POST', path: '/', headers: {} }, (head) => {
        if ((head as { status: number }).status === 429) refused++
        if (kept / (900 << 10) + refused >= 40) done()
      })
      stream.resume()
      stream.end(Buffer.alloc(900 << 10))
    }
    await all
    mux.close()
    return { kept, refused }
  }

  it('has no more of them kept than fit the limit; the others are told', async () => {
    const { kept, refused } = await flood(2 * MIB)
    expect(kept).toBeLessThanOrEqual(2 * MIB)
    expect(refused).toBeGreaterThanOrEqual(38)
  }, 30_000)

  it('has all of them kept where there is no limit', async () => {
    expect(await flood(1_000 * MIB)).toEqual({ kept: 40 * (900 << 10), refused: 0 })
  }, 30_000)
})
