import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freeUdpPort, multicastInterface } from '../../test/support/multicast-works.ts'
import { realSystem } from '../kernel/system.ts'
import { bonjourServices } from './bonjour-services.ts'
import type { FoundService, LocalServices } from './local-services.ts'

const MDNS_GROUP = '224.0.0.251'
const address = await multicastInterface()

describe.skipIf(address === undefined)('DNS-SD on the real network', () => {
  const open: LocalServices[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((services) => services.close()))
  })

  function join(port: number): { readonly services: LocalServices; readonly found: FoundService[] } {
    const found: FoundService[] = []
    const services = bonjourServices({ system: realSystem, interface: address!, port })({
      onFound: (service) => found.push(service),
      onError: (error) => expect.unreachable(error.message),
    })
    open.push(services)
    return { services, found }
  }

  it('finds what others publish, before and after, and each time it looks', async () => {
    const port = await freeUdpPort()
    const a = join(port)
    const b = join(port)
    a.services.publish({ name: 'alpha-1', port: 7001, txt: { id: 'did:key:a', role: 'node' } })
    a.services.browse()
    b.services.publish({ name: 'beta-1', port: 7002, txt: { id: 'did:key:b', role: 'supernode' } })
    b.services.browse()
    await vi.waitFor(() => {
      expect(b.found).toContainEqual(
        expect.objectContaining({ name: 'alpha-1', port: 7001, txt: { id: 'did:key:a', role: 'node' } }),
      )
      expect(a.found).toContainEqual(expect.objectContaining({ name: 'beta-1', port: 7002, sender: address }))
    }, 5_000)
    a.found.length = 0
    a.services.browse()
    await vi.waitFor(() => expect(a.found.map(({ name }) => name)).toContain('beta-1'), 5_000)
  })

  it('outlives garbage and a flood', async () => {
    const port = await freeUdpPort()
    const a = join(port)
    const b = join(port)
    a.services.publish({ name: 'alpha-2', port: 7001, txt: {} })
    a.services.browse()
    b.services.browse()
    const noise = createSocket({ type: 'udp4', reuseAddr: true })
    await new Promise<void>((resolve) => noise.bind(0, resolve))
    noise.setMulticastInterface(address!)
    const send = (data: Buffer): Promise<void> =>
      new Promise((resolve) => noise.send(data, port, MDNS_GROUP, () => resolve()))
    for (let i = 0; i < 400; i++)
      await send(Buffer.from(Array.from({ length: i % 90 }, (_, j) => (i * 31 + j * 7) % 256)))
    // An answer that promises more records than it has, and a name that points to itself.
    await send(Buffer.from('000084000000ffff0000000005', 'hex'))
    await send(Buffer.from('0000840000000001000000000c' + 'c00c' + '000c0001000000780002c00c', 'hex'))
    noise.close()
    b.found.length = 0
    await vi.waitFor(() => {
      b.services.browse()
      expect(b.found.map(({ name }) => name)).toContain('alpha-2')
    }, 8_000)
  }, 15_000)

  it('ends quietly, twice if need be', async () => {
    const { services } = join(await freeUdpPort())
    services.publish({ name: 'alpha-3', port: 7001, txt: {} })
    await services.close()
    await services.close()
  })
})
