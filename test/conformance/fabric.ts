/**
 * What every implementation of the Fabric port and of the Cluster port has to do; run from the tests of each.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cluster, ClusterError } from '../../src/fabric/cluster.ts'
import type {
  AcceptedOffer,
  Amounts,
  Fabric,
  FabricChange,
  FabricPayload,
  PendingOffer,
  SoldSlice,
} from '../../src/fabric/fabric.ts'
import { realSystem, sleep } from '../../src/kernel/system.ts'
import type { PodSpec } from '../../src/objects/core/pod-spec.ts'
import type { NodeId } from '../../src/objects/ids.ts'

type Side = 'provider' | 'consumer'

/** A provider and a consumer that can reach each other. */
export interface FabricWorld {
  /** The one that runs now. */
  readonly provider: Fabric & Cluster
  readonly consumer: Fabric & Cluster
  readonly providerID: NodeId
  /** Ends one side and starts it again on what it stored. */
  restart(side: Side): Promise<void>
  /** Signs a contract: from now on the provider knows that the consumer bought this. */
  sell(contractID: string, amounts: Amounts): SoldSlice
  /** The virtual nodes in the consumer's cluster. */
  nodes(): Promise<readonly { readonly name: string; readonly allocatable: Amounts }[]>
  /** Marks a node of the consumer's cluster. */
  taint(nodeName: string, taint: { key: string; value?: string; effect: string }): Promise<void>
  /** Creates a pod in the consumer's cluster that runs, and answers on port 8080, for as long as it may. */
  createPod(name: string, spec: Partial<PodSpec>): Promise<void>
  /** Pods in the consumer's cluster, by name: whether they are ready. */
  pods(): Promise<Readonly<Record<string, boolean>>>
  /** How many programs run at the provider. */
  running(): Promise<number>
  close(): Promise<void>
}

const AMOUNTS: Amounts = { cpu: '500m', memory: '256Mi', pods: '10' }
const PATIENCE_MS = 20_000
const MOST_ROUNDS = 200

/** Nothing but JSON passes between two nodes. */
const overTheWire = (payload: FabricPayload | undefined): FabricPayload | undefined =>
  payload && (JSON.parse(JSON.stringify(payload)) as FabricPayload)

export function describeFabric(name: string, createWorld: () => Promise<FabricWorld>): void {
  describe(`${name}: the Fabric port`, () => {
    let world: FabricWorld
    beforeEach(async () => {
      world = await createWorld()
    })
    afterEach(() => world.close())

    const pause = (ms: number): Promise<void> => sleep(realSystem.clock, ms)

    /**
     * Asks as the Virtual Fabric Manager does.
     * @param between what happens between any two calls; says whether the consumer has forgotten the last answer
     */
    const exchange = async (
      contractID: string,
      nodeName: string,
      between: () => Promise<boolean> = () => Promise.resolve(false),
    ): Promise<AcceptedOffer> => {
      const sold = world.sell(contractID, AMOUNTS)
      const wanted = { nodeName, contractID, provider: world.providerID, amounts: AMOUNTS }
      let answer: PendingOffer | undefined
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const prepared = await world.consumer.prepare(wanted, answer)
        if (await between()) answer = undefined
        if (prepared.status === 'Pending') {
          await pause(prepared.retryAfterMs)
          continue
        }
        const wire = overTheWire(prepared.payload)
        const offer = await world.provider.offer(sold, wire)
        const forgotten = await between()
        if (offer.status === 'Denied') throw new Error(offer.message)
        if (offer.status === 'Accepted') return offer
        expect(offer.reason).not.toBe('')
        answer = forgotten ? undefined : offer
        await pause(offer.retryAfterMs)
      }
      throw new Error('no end of pending answers')
    }
    const attach = async (contractID: string, nodeName: string): Promise<void> => {
      const offer = await exchange(contractID, nodeName)
      await world.consumer.attach({ nodeName, contractID, provider: world.providerID, offer })
    }
    const reaches = (nodeName: string, state: string): Promise<void> =>
      vi.waitFor(
        async () => expect(await world.consumer.observe(nodeName)).toMatchObject({ state }),
        PATIENCE_MS,
      )
    const attached = async (contractID: string, nodeName: string): Promise<void> => {
      await attach(contractID, nodeName)
      await reaches(nodeName, 'Ready')
    }
    const withdrawn = async (contractID: string): Promise<void> => {
      await world.provider.withdraw(contractID)
      await vi.waitFor(
        async () => expect(await world.provider.provided(contractID)).toEqual({ state: 'Absent' }),
        PATIENCE_MS,
      )
    }
    const podsAre = (wanted: Readonly<Record<string, boolean>>): Promise<void> =>
      vi.waitFor(async () => expect(await world.pods()).toEqual(wanted), PATIENCE_MS)
    const createPod = (pod: string, nodeName: string): Promise<void> =>
      world.createPod(pod, world.consumer.pin({ containers: [] }, nodeName)!)

    it('offers exactly what was sold, however often it is asked', async () => {
      const first = await exchange('c-1', 'virtual-1')
      expect(first).toMatchObject({ contractID: 'c-1', resources: AMOUNTS })
      expect(first.enforcement).not.toBe('')
      const again = await exchange('c-1', 'virtual-1')
      expect(again).toMatchObject({ resources: first.resources, nodeLabels: first.nodeLabels })
      expect(await world.provider.provided('c-1')).toEqual({ state: 'Provided' })
    })

    it('answers whatever payload it is sent, and gives nothing for a false one that it would not give without', async () => {
      const sold = world.sell('c-1', AMOUNTS)
      for (const payload of [{}, { step: null }, { step: 'x'.repeat(10_000), proof: ['a'], key: {} }]) {
        const offer = await world.provider.offer(sold, payload)
        expect(offer.status).toBe((await world.provider.offer(sold)).status)
      }
    })

    it('makes one virtual node of the bought size appear, however often it is attached', async () => {
      await attached('c-1', 'virtual-1')
      await attached('c-1', 'virtual-1')
      const nodes = await world.nodes()
      expect(nodes).toHaveLength(1)
      expect(nodes[0]).toMatchObject({ name: 'virtual-1', allocatable: AMOUNTS })
    })

    it('returns from attaching at once, and is Attaching until the node is usable', async () => {
      await attach('c-1', 'virtual-1')
      expect(['Attaching', 'Ready']).toContain((await world.consumer.observe('virtual-1')).state)
      await reaches('virtual-1', 'Ready')
    })

    it('says that a node which it does not know is absent, and so is what was never sold', async () => {
      expect(await world.consumer.observe('nobody')).toEqual({ state: 'Absent' })
      expect(await world.provider.provided('never-sold')).toEqual({ state: 'Absent' })
    })

    it('tells of the changes, so that nobody has to ask again and again', async () => {
      const changes: FabricChange[] = []
      const nodeName = 'virtual-1'
      const states: string[] = []
      const end = world.consumer.onChange((change) => {
        changes.push(change)
        void world.consumer.observe(nodeName).then(({ state }) => states.push(state))
      })
      await attach('c-1', nodeName)
      await vi.waitFor(() => expect(states.at(-1)).toBe('Ready'), PATIENCE_MS)
      await world.consumer.detach(nodeName)
      await vi.waitFor(() => expect(states.at(-1)).toBe('Absent'), PATIENCE_MS)
      expect(changes).toContainEqual({ type: 'virtual-node', nodeName })
      end()
      const told: FabricChange[] = []
      world.provider.onChange((change) => told.push(change))
      await withdrawn('c-1')
      expect(told).toContainEqual({ type: 'provided', contractID: 'c-1' })
    })

    it('runs a pod on the virtual node, and ends it when the node is detached', async () => {
      await attached('c-1', 'virtual-1')
      await createPod('one', 'virtual-1')
      await podsAre({ one: true })
      expect(await world.running()).toBe(1)
      await world.consumer.detach('virtual-1')
      expect(['Detaching', 'Absent']).toContain((await world.consumer.observe('virtual-1')).state)
      await reaches('virtual-1', 'Absent')
      expect(await world.nodes()).toEqual([])
      expect(await world.pods()).toEqual({})
      await vi.waitFor(async () => expect(await world.running()).toBe(0), PATIENCE_MS)
    })

    it('keeps several contracts between the same two nodes apart', async () => {
      await attached('c-1', 'virtual-1')
      await attached('c-2', 'virtual-2')
      await createPod('one', 'virtual-1')
      await createPod('two', 'virtual-2')
      await podsAre({ one: true, two: true })
      await world.consumer.detach('virtual-1')
      await reaches('virtual-1', 'Absent')
      await withdrawn('c-1')
      expect((await world.nodes()).map((node) => node.name)).toEqual(['virtual-2'])
      expect(await world.pods()).toEqual({ two: true })
      expect(await world.running()).toBe(1)
      expect(await world.consumer.observe('virtual-2')).toMatchObject({ state: 'Ready' })
    })

    it('stops everything under a contract that is withdrawn, however often', async () => {
      await attached('c-1', 'virtual-1')
      await createPod('one', 'virtual-1')
      await podsAre({ one: true })
      await withdrawn('c-1')
      expect(await world.running()).toBe(0)
      await withdrawn('c-1')
      await world.consumer.detach('virtual-1')
      await reaches('virtual-1', 'Absent')
      expect(await world.nodes()).toEqual([])
    })

    it('does nothing, without an error, when what is to go is not there', async () => {
      await world.consumer.detach('nobody')
      await reaches('nobody', 'Absent')
      await withdrawn('never-sold')
      expect(await world.nodes()).toEqual([])
    })

    for (const side of ['provider', 'consumer'] as const) {
      it(
        `goes on when the ${side} is started again between any two calls`,
        { timeout: 120_000 },
        async () => {
          const restart = async (): Promise<boolean> => {
            await world.restart(side)
            return side === 'consumer'
          }
          /** Once after the first call, once after the second, … of an exchange. */
          const interrupted = async (after = 1): Promise<AcceptedOffer & { readonly nodeName: string }> => {
            let calls = 0
            const nodeName = `virtual-${after}`
            const between = (): Promise<boolean> => (++calls === after ? restart() : Promise.resolve(false))
            const accepted = await exchange(`c-${after}`, nodeName, between)
            return calls < after ? { ...accepted, nodeName } : interrupted(after + 1)
          }
          const { nodeName, ...offer } = await interrupted()
          const { contractID } = offer
          await restart()
          await world.consumer.attach({ nodeName, contractID, provider: world.providerID, offer })
          await restart()
          await reaches(nodeName, 'Ready')
          await createPod('one', nodeName)
          await restart()
          await podsAre({ one: true })
          await restart()
          await reaches(nodeName, 'Ready')
          await world.consumer.detach(nodeName)
          await restart()
          // Whoever wants it gone says so again after a start.
          await world.consumer.detach(nodeName)
          await reaches(nodeName, 'Absent')
          await world.provider.withdraw(contractID)
          await restart()
          await withdrawn(contractID)
          expect(await world.nodes()).toEqual([])
          expect(await world.running()).toBe(0)
        },
      )
    }

    describe('the Cluster port', () => {
      it('shows our own nodes and those that were bought, with what is free on them', async () => {
        const own = world.consumer.nodes()
        expect(own.length).toBeGreaterThan(0)
        expect(own.every(({ origin, usable }) => origin.type === 'own' && usable)).toBe(true)
        await attached('c-1', 'virtual-1')
        await vi.waitFor(() =>
          expect(world.consumer.nodes().at(-1)).toMatchObject({
            name: 'virtual-1',
            origin: { type: 'bought', contractID: 'c-1', provider: world.providerID },
            usable: true,
            allocatable: AMOUNTS,
            free: AMOUNTS,
          }),
        )
        expect(world.consumer.contractOf('virtual-1')).toBe('c-1')
        expect(world.consumer.contractOf(own[0]!.name)).toBeUndefined()
        await createPod('one', 'virtual-1')
        await podsAre({ one: true })
        await vi.waitFor(() =>
          expect(world.consumer.nodes().at(-1)!.free).toEqual({ cpu: '400m', memory: '192Mi', pods: '9' }),
        )
        expect(world.consumer.runningUnder('c-1')).toBe(1)
        expect(world.provider.runningUnder('c-1')).toBe(1)
        expect(world.consumer.runningUnder('c-2')).toBe(0)
      })

      it('binds a workload once, and keeps what it selected and tolerated before', () => {
        const spec = { containers: [], nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'x' }] }
        const patch = world.consumer.pin(spec, 'virtual-1')!
        expect(patch.nodeSelector).toMatchObject({ disk: 'ssd' })
        const pinned = { ...spec, ...patch }
        expect(pinned.tolerations).toContainEqual({ key: 'x' })
        expect(world.consumer.pin(pinned, 'virtual-1')).toBeUndefined()
        expect(world.consumer.pin(pinned, 'virtual-2')).toBeDefined()
      })

      it('counts selectors, taints and tolerations, and no earlier binding', async () => {
        const { consumer } = world
        const [node] = consumer.nodes()
        const spec: PodSpec = { containers: [] }
        expect(consumer.obstacle(spec, node!)).toBeUndefined()
        expect(consumer.obstacle({ ...spec, ...consumer.pin(spec, 'elsewhere') }, node!)).toBeUndefined()
        expect(consumer.obstacle({ ...spec, nodeSelector: { disk: 'none' } }, node!)).toContain('disk')
        await world.taint(node!.name, { key: 'gpu', value: 'only', effect: 'NoSchedule' })
        await vi.waitFor(() => expect(consumer.nodes()[0]!.taints).toHaveLength(1))
        const tainted = consumer.nodes()[0]!
        expect(consumer.obstacle(spec, tainted)).toContain('gpu=only:NoSchedule')
        const tolerates = (toleration: object): string | undefined =>
          consumer.obstacle({ ...spec, tolerations: [toleration] }, tainted)
        expect(tolerates({ key: 'gpu', operator: 'Exists' })).toBeUndefined()
        expect(tolerates({ key: 'gpu', value: 'only' })).toBeUndefined()
        expect(tolerates({ operator: 'Exists' })).toBeUndefined()
        expect(tolerates({ key: 'gpu', value: 'none' })).toBeDefined()
        expect(tolerates({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' })).toBeDefined()
        // What is no place does not become one by being named.
        await world.createPod('kept-off', consumer.pin(spec, tainted.name)!)
        await pause(300)
        expect(await world.pods()).toEqual({ 'kept-off': false })
        await world.taint(tainted.name, { key: 'gpu', effect: 'PreferNoSchedule' })
        await podsAre({ 'kept-off': true })
      })

      it('says where a pod answers, in the cluster where it runs and nowhere else', async () => {
        await attached('c-1', 'virtual-1')
        expect(await world.consumer.prepareNamespace('default', 'virtual-1')).toEqual({ status: 'Ready' })
        await createPod('one', 'virtual-1')
        await podsAre({ one: true })
        const ref = { namespace: 'default', name: 'one' }
        const endpoints = world.provider.endpoints({ ...ref, contractID: 'c-1' })
        expect(endpoints).toMatchObject([{ containerPort: 8080 }])
        expect(world.provider.endpoints({ ...ref, contractID: 'c-2' })).toEqual([])
        expect(world.provider.endpoints(ref)).toEqual([])
        expect(world.consumer.endpoints(ref)).toEqual([])
      })

      it('has an honest answer for what it cannot do', async () => {
        expect(() => world.consumer.logs({ namespace: 'default', name: 'nobody' })).toThrow(
          expect.objectContaining({ name: 'ClusterError', code: 'pod-not-found' }),
        )
        const { signal } = new AbortController()
        const error = await world.consumer
          .exec({ namespace: 'default', name: 'nobody' }, { command: ['true'], signal })
          .catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(ClusterError)
        expect(['unsupported', 'pod-not-found']).toContain((error as ClusterError).code)
      })
    })
  })
}
