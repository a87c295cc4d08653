/** A node's neighbour reduced to what a benchmark needs: it is a member of the domain, says hello, and calls. */
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { parseNodeId } from '../../src/objects/ids.ts'
import { RearClient, type RearAnswer, type RearCall } from '../../src/rear/client.ts'
import { createTlsTransport, StreamRefused } from '../../src/rear/transport/index.ts'
import type { WireNodeIdentity } from '../../src/rear/wire/index.ts'
import { loadMember, type Member } from './bench-domain.ts'

export interface Caller {
  readonly member: Member
  /** As it stands in messages. */
  readonly wireIdentity: WireNodeIdentity
  call(call: RearCall): Promise<RearAnswer>
  close(): Promise<void>
}

/**
 * @param directory of a member of the domain
 * @param target the node that will be called, always
 */
export async function createCaller(
  directory: string,
  target: { readonly address: string; readonly id: string },
): Promise<Caller> {
  const member = await loadMember(directory)
  const { identity, domain, membership } = member
  const transport = createTlsTransport({ identity, system: realSystem, log: silentLog })
  // The node says hello back, and goes on trying until it gets an answer.
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    handler: () =>
      Promise.resolve({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(introduction),
      }),
    onStream: () => {
      throw new StreamRefused(404, 'no streams here')
    },
  })
  const wireIdentity: WireNodeIdentity = {
    domain,
    ID: identity.id,
    IP: listener.address,
    additionalInformation: { liqoID: 'bench' },
  }
  const introduction = { identity: wireIdentity, name: 'bench', role: 'node', membership, capabilities: 1 }
  const client = new RearClient({ transport, system: realSystem, log: silentLog })
  const to = { address: target.address, id: parseNodeId(target.id) }
  const call = (request: RearCall): Promise<RearAnswer> => client.call(to, request)
  await call({ method: 'POST', path: '/api/v2/hello', body: introduction })
  return { member, wireIdentity, call, close: () => transport.close() }
}
