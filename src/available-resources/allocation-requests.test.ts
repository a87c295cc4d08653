import { onTestFinished, expect, it } from 'vitest'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { mutateStatus } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { allocationCauses } from '../node/admit-allocation.ts'
import { AllocationKind } from '../objects/allocation.ts'
import { ContractKind } from '../objects/contract.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { AllocationRequests } from './allocation-requests.ts'

const namespace = 'default'
const contract = { name: 'contract-0123456789abcdef' }
const request = { metadata: { name: 'mine', namespace }, spec: { contract } }

async function start() {
  const { store } = createMemoryStore({ system: realSystem })
  const informers = new Informers({ store, system: realSystem, log: silentLog })
  const requests = new AllocationRequests({
    store,
    informers,
    system: realSystem,
    log: silentLog,
  } as unknown as NodeBase)
  await informers.start()
  await requests.start()
  onTestFinished(async () => {
    await requests.stop()
    await informers.stop()
  })
  const phase = (value: string) =>
    mutateStatus(
      store,
      ContractKind,
      { ...contract, namespace },
      () => ({ phase: { phase: value } }) as never,
    )
  const make = async () => {
    await store.create(ContractKind, { metadata: { ...contract, namespace }, spec: {} } as never)
    await phase('Active')
  }
  const mine = () => store.get(AllocationKind, { name: 'mine', namespace })
  return { store, make, phase, mine }
}

it('an Allocation that a user makes is told how its contract is doing, and goes with the contract’s end', async () => {
  const { store, make, phase, mine } = await start()
  await make()
  await store.create(AllocationKind, request)
  await expect.poll(async () => (await mine())?.status?.status).toBe('Inactive')
  const own = await store.create(AllocationKind, {
    metadata: { name: 'allocation-0123456789abcdef', namespace },
    spec: { type: 'Node', contract, amounts: { cpu: '1' }, poolName: 'p' },
  })
  await store.update(AllocationKind, { ...own, status: { status: 'Active' } }, { subresource: 'status' })
  await expect
    .poll(async () => (await mine())?.status)
    .toMatchObject({
      status: 'Active',
      resourceRef: { kind: 'Allocation', name: own.metadata.name },
    })
  await phase('Closed')
  await expect.poll(mine).toBeUndefined()
  // What the node made is for who made it to remove.
  expect(await store.get(AllocationKind, own.metadata)).toBeDefined()
})

it('an Allocation asks for a contract that is there and in force', async () => {
  const { store, make, phase } = await start()
  const causes = (spec: object) => allocationCauses(store, AllocationKind, { ...request, spec })
  expect(await causes({})).toMatchObject([{ field: 'spec.contract.name', reason: 'FieldValueRequired' }])
  expect(await causes({ contract })).toMatchObject([{ message: expect.stringContaining('no such contract') }])
  await make()
  expect(await causes({ contract })).toEqual([])
  expect(await causes({ contract: { ...contract, namespace: 'other' } })).toHaveLength(1)
  expect(await causes({ contract: { name: '../x' } })).toHaveLength(1)
  await phase('Expired')
  expect(await causes({ contract })).toMatchObject([{ message: expect.stringContaining('Expired') }])
})
