import { describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { silentLog } from '../kernel/log.ts'
import { realSystem } from '../kernel/system.ts'
import { RearClient, type HearsayPolicy } from './client.ts'
import { createTlsTransport, type Transport, type TransportTarget } from './transport/index.ts'

const { id } = testIdentity('somebody')
const STRICT: HearsayPolicy = { guarded: true, mayDial: (address) => !address.startsWith('127.') }

/** @returns whom a client calls of a node that messages say is at `ip` */
async function called(
  ip: string,
  options: { readonly hearsay?: HearsayPolicy; readonly addressOf?: () => string },
): Promise<TransportTarget | string> {
  let target: TransportTarget | undefined
  const transport = {
    request: async (to: TransportTarget) => {
      target = to
      return { status: 204, headers: {}, body: Buffer.alloc(0), peer: id }
    },
  } as unknown as Transport
  const client = new RearClient({ transport, system: realSystem, log: silentLog, ...options })
  try {
    await client.callNode({ nodeID: id, ip }, { method: 'GET', path: '/' })
    return target!
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a node whose address an offer or a contract says', () => {
  it('is not called where nothing is called on somebody’s word', async () => {
    expect(await called('127.0.0.1:6443', { hearsay: STRICT })).toBe('unreachable')
    expect(await called('127.0.0.1:6443', {})).toMatchObject({ address: '127.0.0.1:6443' })
  })

  it('is called elsewhere, and its name looked at again when it is resolved', async () => {
    const target = await called('node.example:1', { hearsay: STRICT })
    expect(target).toEqual({ address: 'node.example:1', id, isHearsay: true })
  })

  it('is called where we met it, wherever that is', async () => {
    const target = await called('127.0.0.1:2', { hearsay: STRICT, addressOf: () => '127.0.0.1:1' })
    expect(target).toEqual({ address: '127.0.0.1:1', id })
  })
})

describe('a name that resolves to this machine', () => {
  // The transport does not look at names: what they resolve to counts.
  const dialled = async (isHearsay: boolean): Promise<{ message: string; causes: string }> => {
    const transport = createTlsTransport({
      identity: testIdentity('caller', realSystem),
      system: realSystem,
      log: silentLog,
    })
    try {
      await transport.request(
        { address: 'localhost:9', isHearsay },
        { method: 'GET', path: '/', signal: AbortSignal.timeout(5_000) },
      )
      return { message: 'answered', causes: '' }
    } catch (error) {
      const causes: string[] = []
      for (let each: unknown = error; each instanceof Error; each = each.cause) causes.push(each.message)
      return { message: (error as Error).message, causes: causes.join('; ') }
    } finally {
      await transport.close()
    }
  }

  it('is not dialled when it is somebody’s word, and is when it is the operator’s', async () => {
    expect((await dialled(true)).causes).toContain('is an address of this machine or its link')
    expect((await dialled(false)).causes).toContain('ECONNREFUSED')
  })
})
