import { expect, it } from 'vitest'
import { createSimulatedRunner } from '../../../test/support/simulated-runner.ts'
import { type Log, silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { NodeKind } from '../../objects/core/node.ts'
import type { GuestTerms } from '../../objects/guests.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { LocalNode } from './local-node.ts'

const TAKEN: GuestTerms = {
  ...{ status: 'Taken', runner: 'sandbox', images: false, egress: 'none', limits: 'cpu: kernel' },
}

async function start(allowWorkloads: boolean, terms: GuestTerms) {
  const { store } = createMemoryStore({ system: realSystem })
  const warnings: string[] = []
  const log: Log = Object.assign(Object.create(silentLog) as Log, {
    warn: (_: unknown, text: string) => void warnings.push(text),
  })
  const node = new LocalNode({
    ...{ store, system: realSystem, log, nodeName: 'here', capacity: { cpu: '1' }, version: 'v1' },
    ...{ allowWorkloads, runner: createSimulatedRunner({ system: realSystem }) },
    ...{ terms: () => terms, runsImages: () => false },
  })
  await node.start()
  const stored = await store.get(NodeKind, { name: 'here' })
  await store.close()
  const guests = stored?.status?.conditions?.find(({ type }) => type === 'GuestsIsolated')
  return { guests, warnings }
}

it('says in what programs of others run, and warns that they may', async () => {
  const { guests, warnings } = await start(true, TAKEN)
  expect(guests).toMatchObject({ status: 'True', reason: 'Isolated' })
  expect(guests?.message).toContain('sandbox')
  expect(warnings).toEqual(['PROGRAMS OF OTHERS MAY RUN ON THIS MACHINE'])
  const unisolated = await start(true, { ...TAKEN, runner: 'process' })
  expect(unisolated.guests).toMatchObject({ status: 'False', reason: 'Unisolated' })
})

it('does not warn of programs that are refused', async () => {
  const { guests, warnings } = await start(true, { status: 'Refused', message: 'install bubblewrap' })
  expect(guests).toMatchObject({ status: 'Unknown', reason: 'NotIsolated', message: 'install bubblewrap' })
  expect(warnings).toEqual([])
  expect((await start(false, TAKEN)).guests).toMatchObject({ reason: 'WorkloadsNotAllowed' })
})
