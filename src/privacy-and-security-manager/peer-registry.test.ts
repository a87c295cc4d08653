import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Informer } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { mutate, type ObjectStore } from '../kernel/object-store.ts'
import { PeerKind, peerName, type Peer } from '../objects/peer.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { testDomain, testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { PeerRegistry, type PeerRegistryOptions } from './index.ts'

const self = testIdentity('self')
const alice = testIdentity('alice').id
const bob = testIdentity('bob').id
const HOUR = 3_600_000

let simulation: SimulatedSystem
let store: ObjectStore
let registry: PeerRegistry
let acme: ReturnType<typeof testDomain<'alice' | 'bob'>>
let stop: (() => Promise<void>) | undefined

async function start(options: Partial<PeerRegistryOptions> = {}): Promise<PeerRegistry> {
  await stop?.()
  const { system } = simulation
  const informer = new Informer<Peer>({ store, kind: PeerKind, system, log: silentLog })
  registry = new PeerRegistry({
    store,
    informer,
    system,
    log: silentLog,
    self: self.id,
    policy: { mode: 'domain', domains: ['acme.example'] },
    trust: acme.trust,
    ...options,
  })
  await registry.start()
  stop = async () => {
    await registry.stop()
    await informer.stop()
  }
  return registry
}

const stored = (name: string): Promise<Peer | undefined> => store.get(PeerKind, { name })

beforeEach(async () => {
  simulation = createSimulatedSystem(1)
  store = createMemoryStore({ system: simulation.system }).store
  acme = testDomain<'alice' | 'bob'>('acme.example', ['alice', 'bob'], simulation.system)
  await start()
})
afterEach(async () => {
  await stop?.()
  stop = undefined
  await store.close()
})

describe('peer registry', () => {
  it('does not know whom it never heard of', () => {
    expect(registry.standing(alice)).toBe('unknown')
    expect(registry.authorize(alice, 'anyone').allowed).toBe(true)
    expect(registry.authorize(alice, 'known')).toMatchObject({ allowed: false, status: 403 })
    expect(registry.authorize(undefined, 'anyone')).toMatchObject({ allowed: false, status: 401 })
  })

  it('accepts a member of a domain that the policy names, at once, and writes down why', async () => {
    const { membership } = acme.members.alice
    const learnt = await registry.learn({
      nodeId: alice,
      source: 'hello',
      address: 'alice:4433',
      membership,
      name: 'Alice',
    })
    expect(learnt).toMatchObject({ standing: 'accepted', membershipError: undefined })
    expect(registry.standing(alice)).toBe('accepted')
    expect(registry.membershipOf(alice)).toMatchObject({ domain: 'acme.example' })
    expect(await stored(peerName(alice))).toMatchObject({
      spec: { nodeID: alice, address: 'alice:4433', source: 'hello' },
      status: { phase: 'Accepted', name: 'Alice', domain: 'acme.example', role: 'node', membership },
    })
  })

  it("does not take one node's credential from another", async () => {
    const learnt = await registry.learn({
      nodeId: bob,
      source: 'hello',
      membership: acme.members.alice.membership,
    })
    expect(learnt.standing).toBe('unknown')
    expect(learnt.membershipError).toMatchObject({ code: 'malformed' })
    expect(registry.standing(bob)).toBe('unknown')
  })

  it('learns of a peer with a worthless credential, and says what is wrong with it', async () => {
    const expired = acme.issue({ id: alice }, 'node', HOUR)
    await simulation.advance(2 * HOUR)
    const learnt = await registry.learn({ nodeId: alice, source: 'hello', membership: expired })
    expect(learnt).toMatchObject({ standing: 'unknown', membershipError: { code: 'expired' } })
    expect((await stored(peerName(alice)))?.status).toMatchObject({ phase: 'Unknown' })
  })

  it('stops accepting the moment the membership expires, and shows it soon after', async () => {
    const membership = acme.issue({ id: alice }, 'node', HOUR)
    await registry.learn({ nodeId: alice, source: 'hello', membership })
    await simulation.advance(HOUR - 1000)
    expect(registry.standing(alice)).toBe('accepted')
    await simulation.advance(1000)
    expect(registry.standing(alice)).toBe('unknown')
    await simulation.runUntil(() => registry.find(alice)?.status?.phase === 'Unknown', { limitMs: HOUR })
  })

  it("follows the user's decision as soon as it is in the store", async () => {
    await registry.learn({ nodeId: alice, source: 'hello', membership: acme.members.alice.membership })
    const decideOn = (accepted: boolean): Promise<unknown> =>
      mutate(store, PeerKind, { name: peerName(alice) }, (peer) => ({
        ...peer,
        spec: { ...peer.spec, accepted },
      }))
    await decideOn(false)
    await simulation.settle()
    expect(registry.standing(alice)).toBe('rejected')
    expect(registry.authorize(alice, 'anyone').allowed).toBe(false)
    expect((await stored(peerName(alice)))?.status).toMatchObject({ phase: 'Rejected' })
    await decideOn(true)
    await simulation.settle()
    expect(registry.standing(alice)).toBe('accepted')
    expect((await stored(peerName(alice)))?.status).toMatchObject({ phase: 'Accepted' })
  })

  it('knows everything again after a restart, but believes stored credentials no longer than trust lasts', async () => {
    await registry.learn({ nodeId: alice, source: 'hello', membership: acme.members.alice.membership })
    await start()
    expect(registry.standing(alice)).toBe('accepted')
    await start({ trust: { trustedAuthorities: new Map() } })
    expect(registry.standing(alice)).toBe('unknown')
    await start({ trust: { ...acme.trust, revoked: { covers: ({ id }) => id === verifyId() } } })
    expect(registry.standing(alice)).toBe('unknown')

    function verifyId(): string {
      const payload = acme.members.alice.membership.split('.')[1]!
      return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string }).jti
    }
  })

  it('forgets a peer that is deleted', async () => {
    await registry.configure({ address: 'alice:1', nodeId: alice, accepted: true })
    expect(registry.standing(alice)).toBe('accepted')
    await store.delete(PeerKind, { name: peerName(alice) })
    await simulation.settle()
    expect(registry.standing(alice)).toBe('unknown')
    expect(registry.list()).toEqual([])
  })

  it('ties a configured address to the key that was met there, and to no key that merely claims it', async () => {
    await registry.configure({ address: 'carol:4433', accepted: true })
    await registry.learn({ nodeId: bob, source: 'hello', address: 'carol:4433' })
    expect(registry.standing(bob)).toBe('unknown')
    await registry.learn({ nodeId: alice, source: 'hello', address: 'carol:4433', addressVerified: true })
    expect(registry.standing(alice)).toBe('accepted')
    expect(registry.find(alice)?.metadata.name).toBe(peerName('carol:4433'))
    // Configured again at the next start: the same peer.
    await registry.configure({ address: 'carol:4433', accepted: true })
    expect(registry.find(alice)?.spec).toMatchObject({ nodeID: alice, source: 'configured' })
    expect(registry.list()).toHaveLength(2)
  })

  it('makes one peer of a configured address and of the key that introduced itself from there before', async () => {
    const { membership } = acme.members.alice
    const news = { nodeId: alice, source: 'hello', address: 'alice:1' } as const
    // Alice was faster: she says hello to us before we say hello to what is configured.
    await registry.configure({ address: 'alice:1' })
    await registry.learn({ ...news, membership, name: 'alice' })
    expect(registry.list()).toHaveLength(2)
    await mutate(store, PeerKind, { name: peerName(alice) }, (peer) => ({
      ...peer,
      spec: { ...peer.spec, accepted: false },
    }))
    await simulation.settle()
    await registry.learn({ ...news, source: 'configured', addressVerified: true })
    const [peer, ...others] = registry.list()
    expect(others).toEqual([])
    expect((await store.list(PeerKind)).items).toHaveLength(1)
    // What the user decided and what it proved is not lost.
    expect(peer).toMatchObject({
      spec: { nodeID: alice, address: 'alice:1', source: 'configured', accepted: false },
      status: { name: 'alice', domain: 'acme.example', membership, phase: 'Rejected' },
    })
    expect(registry.standing(alice)).toBe('rejected')
    await registry.configure({ address: 'alice:1' })
    expect(registry.list()).toHaveLength(1)
  })

  it('makes one peer of two configured addresses of one node', async () => {
    await registry.configure({ address: 'alice:1' })
    await registry.configure({ address: '192.0.2.1:1' })
    for (const address of ['alice:1', '192.0.2.1:1'])
      await registry.learn({ nodeId: alice, source: 'configured', address, addressVerified: true })
    expect(registry.list()).toMatchObject([{ spec: { nodeID: alice, source: 'configured' } }])
  })

  it('is one peer also when both sides introduce themselves at the same moment', async () => {
    for (const order of [0, 1]) {
      const nodeId = order === 0 ? alice : bob
      const address = `there-${order}:1`
      await registry.configure({ address })
      const news = [
        { nodeId, source: 'configured', address, addressVerified: true },
        { nodeId, source: 'hello', address: 'behind-nat:1' },
      ] as const
      await Promise.all((order === 0 ? news : news.toReversed()).map((each) => registry.learn(each)))
      const found = registry.list().filter(({ spec }) => spec.nodeID === nodeId)
      expect(found, `${order}`).toMatchObject([{ spec: { source: 'configured', address } }])
    }
  })

  it('moves a peer for what was verified, not for what is shouted on the network', async () => {
    await registry.learn({ nodeId: alice, source: 'hello', address: 'a:1', addressVerified: true })
    await registry.learn({ nodeId: alice, source: 'multicast', address: 'evil:1' })
    expect(registry.find(alice)?.spec.address).toBe('a:1')
    await registry.unreachable(peerName(alice), 'no answer')
    await registry.learn({ nodeId: alice, source: 'multicast', address: 'b:1' })
    expect(registry.find(alice)?.spec.address).toBe('b:1')
    await registry.learn({ nodeId: alice, source: 'hello', address: 'c:1', addressVerified: true })
    expect(registry.find(alice)?.spec.address).toBe('c:1')
  })

  it('shows a peer as unreachable until it answers again', async () => {
    await registry.learn({ nodeId: alice, source: 'hello', membership: acme.members.alice.membership })
    await registry.unreachable(peerName(alice), 'connection refused')
    expect((await stored(peerName(alice)))?.status).toMatchObject({
      phase: 'Unreachable',
      message: 'connection refused',
    })
    expect(registry.standing(alice)).toBe('accepted') // it may still call us
    await registry.reached(alice, 12.34)
    expect((await stored(peerName(alice)))?.status).toMatchObject({ phase: 'Accepted', roundTripMs: 12.3 })
  })

  it('does not write again for news that are none', async () => {
    const news = {
      nodeId: alice,
      source: 'hello',
      address: 'a:1',
      membership: acme.members.alice.membership,
    } as const
    const { peer } = await registry.learn(news)
    await simulation.advance(1000)
    expect((await registry.learn(news)).peer?.metadata.resourceVersion).toBe(peer?.metadata.resourceVersion)
    await simulation.advance(HOUR)
    expect((await registry.learn(news)).peer?.status?.lastSeen).not.toBe(peer?.status?.lastSeen)
  })

  it('makes one peer of many reports at once', async () => {
    const { membership } = acme.members.alice
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        registry.learn({
          nodeId: alice,
          source: index % 2 ? 'multicast' : 'hello',
          address: `a:${index + 1}`,
          membership,
        }),
      ),
    )
    expect((await store.list(PeerKind)).items).toHaveLength(1)
    expect(registry.standing(alice)).toBe('accepted')
  })

  it('remembers no more than so many strangers, but always those who are vouched for', async () => {
    await start({ maxStrangers: 3 })
    for (let index = 0; index < 10; index++) {
      await registry.learn({
        nodeId: testIdentity(`stranger ${index}`).id,
        source: 'multicast',
        address: `s:${index}`,
      })
    }
    expect((await store.list(PeerKind)).items).toHaveLength(3)
    await registry.learn({ nodeId: alice, source: 'hello', membership: acme.members.alice.membership })
    expect(registry.standing(alice)).toBe('accepted')
  })

  it('is no peer of itself', async () => {
    expect(
      (await registry.learn({ nodeId: self.id, source: 'multicast', address: 'me:1' })).peer,
    ).toBeUndefined()
    expect((await store.list(PeerKind)).items).toHaveLength(0)
  })

  it('clips and cleans what a peer calls itself', async () => {
    const name = `\u001b[31mroot${'x'.repeat(1000)}`
    const { peer } = await registry.learn({ nodeId: alice, source: 'hello', name })
    expect(peer?.status?.name).toMatch(/^\[31mroot/)
    expect(peer?.status?.name?.length).toBe(100)
  })
})
