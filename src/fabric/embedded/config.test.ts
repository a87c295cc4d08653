/** ConfigMaps and Secrets in pods: of this node's own, and of those that another node runs for it. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type EmbeddedNode, startEmbeddedNode } from '../../../test/support/embedded-node.ts'
import { createMemoryChannel } from '../../../test/support/memory-channel.ts'
import { createSimulatedRunner, type SimulatedRunner } from '../../../test/support/simulated-runner.ts'
import { mutate, remove } from '../../kernel/object-store.ts'
import { realSystem } from '../../kernel/system.ts'
import { ConfigMapKind } from '../../objects/core/config-map.ts'
import { PodKind, podStatusWord } from '../../objects/core/pod.ts'
import type { PodSpec, Volume } from '../../objects/core/pod-spec.ts'
import { SecretKind } from '../../objects/core/secret.ts'
import type { NodeId } from '../../objects/ids.ts'
import type { ContainerSpec, PodSpecToRun } from './runner.ts'

const BUYER = 'did:key:buyer' as NodeId
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const nodes: EmbeddedNode[] = []

async function start(
  name: string,
): Promise<{ readonly node: EmbeddedNode; readonly runner: SimulatedRunner }> {
  const runner = createSimulatedRunner({ system: realSystem })
  const node = await startEmbeddedNode({ name, runner })
  nodes.push(node)
  return { node, runner }
}

afterEach(async () => {
  for (const node of nodes.splice(0).reverse()) await node.close()
})

const SPEC: PodSpec = {
  containers: [
    {
      name: 'main',
      command: ['serve', '$(COLOUR)'],
      envFrom: [{ configMapRef: { name: 'settings' } }],
      env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } }],
      volumeMounts: [{ name: 'keys', mountPath: '/keys' }],
    },
  ],
  volumes: [
    {
      name: 'keys',
      projected: {
        sources: [
          { secret: { name: 'login', items: [{ key: 'password', path: 'in/pw', mode: 0o400 }] } },
          { configMap: { name: 'settings' } },
          { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
        ],
      },
    },
  ],
}

async function make({ store }: EmbeddedNode): Promise<void> {
  await store.create(ConfigMapKind, { metadata: { name: 'settings' }, data: { COLOUR: 'green' } })
  await store.create(SecretKind, { metadata: { name: 'login' }, data: { password: base64('tiger') } })
  await store.create(SecretKind, { metadata: { name: 'other' }, data: { nobodys: base64('business') } })
}

type Ran = ContainerSpec & { readonly pod: PodSpecToRun }

async function ranOf(runner: SimulatedRunner): Promise<Ran> {
  return vi.waitFor(() => {
    const [first] = runner.running.values()
    if (first === undefined) throw new Error('nothing runs')
    return first
  })
}

async function expectAll(ran: Ran, name: string): Promise<string> {
  expect(ran.env).toMatchObject({ COLOUR: 'green', PASSWORD: 'tiger' })
  expect(ran.command).toEqual(['serve', 'green'])
  expect(ran.mounts).toEqual([{ volume: 'keys', mountPath: '/keys', readOnly: true }])
  const [volume] = ran.pod.volumes
  if (volume?.kind !== 'files') throw new Error('no volume of files')
  const { directory } = volume
  expect((await readdir(directory)).toSorted()).toEqual(['COLOUR', 'in', 'name'])
  expect(await readFile(join(directory, 'in/pw'), 'utf8')).toBe('tiger')
  expect((await stat(join(directory, 'in/pw'))).mode & 0o777).toBe(0o400)
  expect(await readFile(join(directory, 'name'), 'utf8')).toBe(name)
  return directory
}

/** Sells a slice of `provider` to `consumer`: a virtual node `rented`. */
async function rent(provider: EmbeddedNode, consumer: EmbeddedNode): Promise<void> {
  const contractID = 'rented'
  const slice = { contractID, buyer: BUYER, amounts: { cpu: '2', memory: '1Gi', pods: '10' } }
  provider.sold.set(contractID, slice)
  const { routes } = provider.fabric
  const channel = createMemoryChannel({ peer: BUYER, routes, onStream: () => false })
  consumer.channels.set(contractID, channel)
  const offer = await provider.fabric.offer(slice)
  if (offer.status !== 'Accepted') throw new Error(offer.message)
  await consumer.fabric.attach({ nodeName: contractID, contractID, provider: 'did:key:p' as NodeId, offer })
}

const rented: PodSpec = { ...SPEC, nodeSelector: { 'kubernetes.io/hostname': 'rented' } }

describe("a node's own pod", () => {
  it('has ConfigMaps and Secrets as variables and as files, which go with it', async () => {
    const { node, runner } = await start('alpha')
    await make(node)
    await node.store.create(PodKind, { metadata: { name: 'web' }, spec: SPEC })
    const directory = await expectAll(await ranOf(runner), 'web')
    await remove(node.store, PodKind, { name: 'web' })
    await vi.waitFor(async () => expect(await stat(directory).catch(() => 'gone')).toBe('gone'))
  })

  it('waits for what it refers to, says for what, and runs as soon as it is there', async () => {
    const { node, runner } = await start('alpha')
    await node.store.create(PodKind, { metadata: { name: 'web' }, spec: SPEC })
    await vi.waitFor(async () => {
      const pod = (await node.store.get(PodKind, { name: 'web' }))!
      expect(podStatusWord(pod)).toBe('CreateContainerConfigError')
      expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe(
        'configmap "settings" not found',
      )
    })
    expect(runner.running.size).toBe(0)
    await make(node)
    await vi.waitFor(() => expect(runner.running.size).toBe(1), { timeout: 5_000 })
  })
})

describe('a pod that another node runs', () => {
  it('has what it refers to, and nothing else leaves its node; all of it is gone there when it ends', async () => {
    const provider = await start('seller')
    const { node } = await start('buyer')
    await make(node)
    await rent(provider.node, node)
    await node.store.create(PodKind, { metadata: { name: 'web' }, spec: rented })
    const directory = await expectAll(await ranOf(provider.runner), 'web')
    const kept = await provider.node.store.list(SecretKind)
    expect(kept.items.map(({ type }) => type)).toEqual(['tributary.io/pod-config'])
    const parcel = Buffer.from(kept.items[0]!.data!['parcel']!, 'base64').toString()
    expect(parcel).toContain(base64('tiger'))
    expect(parcel).not.toContain(base64('business'))
    expect((await provider.node.store.list(ConfigMapKind)).items).toEqual([])
    await remove(node.store, PodKind, { name: 'web' })
    await vi.waitFor(async () => {
      expect(await node.store.get(PodKind, { name: 'web' })).toBeUndefined()
      expect((await provider.node.store.list(SecretKind)).items).toEqual([])
      expect(await stat(directory).catch(() => 'gone')).toBe('gone')
    }, 5_000)
  })

  it('is not handed over while what it refers to is missing; the buyer sees what', async () => {
    const provider = await start('seller')
    const { node } = await start('buyer')
    await rent(provider.node, node)
    await node.store.create(PodKind, { metadata: { name: 'web' }, spec: rented })
    await vi.waitFor(async () => {
      const pod = (await node.store.get(PodKind, { name: 'web' }))!
      expect(podStatusWord(pod)).toBe('CreateContainerConfigError')
      expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe(
        'configmap "settings" not found',
      )
    })
    expect((await provider.node.store.list(PodKind)).items).toEqual([])
  })

  it.each<[string, Partial<PodSpec>, string]>([
    ['the network of the host', { hostNetwork: true }, 'spec.hostNetwork'],
    [
      'files of the host',
      { volumes: [{ name: 'v', hostPath: { path: '/' } } as Volume] },
      'spec.volumes[0].hostPath',
    ],
    [
      'all privileges',
      { containers: [{ name: 'main', command: ['x'], securityContext: { privileged: true } }] },
      'spec.containers[0].securityContext.privileged',
    ],
  ])('is refused when it asks for %s, with the field', async (_, more, field) => {
    const provider = await start('seller')
    const { node } = await start('buyer')
    await rent(provider.node, node)
    const spec = { ...rented, volumes: [], containers: [{ name: 'main', command: ['x'] }], ...more }
    await node.store.create(PodKind, { metadata: { name: 'web' }, spec })
    await vi.waitFor(async () => {
      const pod = (await node.store.get(PodKind, { name: 'web' }))!
      expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain(field)
    })
    expect((await provider.node.store.list(PodKind)).items).toEqual([])
  })
})

it('a Secret changed while a pod runs is seen by the next start of its container', async () => {
  const { node, runner } = await start('alpha')
  await make(node)
  await node.store.create(PodKind, { metadata: { name: 'web' }, spec: SPEC })
  const { id } = await ranOf(runner)
  await mutate(node.store, SecretKind, { name: 'login' }, (secret) => ({
    ...secret,
    data: { password: base64('lion') },
  }))
  runner.end(id, { code: 1 })
  await vi.waitFor(async () => expect((await ranOf(runner)).env).toMatchObject({ PASSWORD: 'lion' }))
})
