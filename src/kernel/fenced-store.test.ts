import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { WIDGET } from '../../test/support/widget.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Fence, fencedStore } from './fenced-store.ts'

describe('a store behind a fence', () => {
  it('takes writes while it is open, and refuses every one of them, before and after, but no read', async () => {
    const { store: inner } = createMemoryStore({ system: createSimulatedSystem(1).system })
    const fence = new Fence()
    const store = fencedStore(inner, fence)
    const key = { namespace: 'default', name: 'w' }
    const create = (): Promise<unknown> => store.create(WIDGET, { metadata: key, spec: { size: 1 } })
    await expect(create()).rejects.toMatchObject({ code: 'Unavailable' })
    fence.open()
    await create()
    const stored = (await store.get(WIDGET, key))!
    fence.close()
    for (const write of [
      create,
      () => store.update(WIDGET, { ...stored, spec: { size: 2 } }),
      () => store.patch(WIDGET, key, { spec: { size: 2 } }),
      () => store.delete(WIDGET, key),
      () => store.check(),
    ])
      await expect(write()).rejects.toMatchObject({ code: 'Unavailable' })
    expect(await store.get(WIDGET, key)).toEqual(stored)
    expect((await store.list(WIDGET)).items).toEqual([stored])
    expect(await inner.get(WIDGET, key)).toEqual(stored)
  })
})
