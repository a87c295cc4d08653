import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { Informers } from '../../kernel/informer.ts'
import { silentLog } from '../../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { DeploymentKind } from '../../objects/core/deployment.ts'
import { PodKind } from '../../objects/core/pod.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { DeploymentController } from './deployment-controller.ts'
import { EventRecorder } from './event-recorder.ts'

describe('the Deployment controller', () => {
  it('asks the store for the pods when it makes or removes some, and for nothing else', async () => {
    const simulation = createSimulatedSystem(1)
    const { system } = simulation
    const { store: memory } = createMemoryStore({ system })
    let lists = 0
    const store: ObjectStore = {
      ...memory,
      list(kind, options) {
        if ((kind as unknown) === PodKind) lists++
        return memory.list(kind, options)
      },
    }
    // Their own lists are not those of the controller.
    const informers = new Informers({ store: memory, system, log: silentLog })
    const events = new EventRecorder({ store, system, log: silentLog, nodeName: 'n' })
    const controller = new DeploymentController({ store, informers, system, log: silentLog, events })
    await informers.start()
    await controller.start()
    const key = { namespace: 'default', name: 'web' }
    await memory.create(DeploymentKind, {
      metadata: key,
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main' }] } },
      },
    })
    await simulation.advance(1_000)
    const { items: pods } = await memory.list(PodKind)
    expect(pods).toHaveLength(2)
    expect(lists).toBe(1)
    for (const { metadata } of pods) {
      await mutateStatus(memory, PodKind, metadata, () => ({
        phase: 'Running' as const,
        conditions: [{ type: 'Ready', status: 'True' as const, lastTransitionTime: '2030-01-01T00:00:00Z' }],
      }))
      await simulation.advance(1_000)
    }
    expect((await memory.get(DeploymentKind, key))?.status).toMatchObject({ readyReplicas: 2 })
    expect(lists).toBe(1)
    await memory.delete(PodKind, pods[0]!.metadata)
    await simulation.advance(1_000)
    expect((await memory.list(PodKind)).items).toHaveLength(2)
    expect(lists).toBe(2)
    await controller.stop()
    await informers.stop()
  })
})
