/** A guest tries to keep what its contract gave after its end: it asks for endless time to end, and hears nothing. */
import { realSystem, sleep } from '../../src/kernel/system.ts'
import { remove } from '../../src/kernel/object-store.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { DEFAULT_GUESTS } from '../../src/objects/guests.ts'
import { processesWith } from '../support/processes-with.ts'
import { startEmbeddedNode } from '../support/embedded-node.ts'
import { TEST_IMAGE } from '../support/container-engine.ts'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackInEach, guestsForAttacks, type Place } from './support/guests.ts'

const guests = await guestsForAttacks()
const LOOKS = 60
let count = 0

/** @param longestGraceMs what the seller lets it have */
async function staysAfterItsEnd(place: Place, longestGraceMs: number): Promise<Tried> {
  const seconds = `60${process.pid}.${count++}`
  const name = 'stays'
  const node = await startEmbeddedNode({
    name: 'seller',
    runner: guests.fresh(place),
    guests: { ...DEFAULT_GUESTS, longestGraceMs },
  })
  const { store } = node
  try {
    await store.create(PodKind, {
      metadata: {
        name,
        annotations: {
          'tributary.io/contract-id': `contract-${seconds}`,
          'tributary.io/contract-amounts': '{"cpu":"1","memory":"256Mi"}',
        },
      },
      spec: {
        nodeName: 'seller',
        terminationGracePeriodSeconds: 999_999_999,
        containers: [
          {
            name: 'main',
            ...(place === 'container' && { image: TEST_IMAGE, imagePullPolicy: 'Never' }),
            command: ['sh', '-c', `trap "" TERM; while :; do sleep ${seconds}; done`],
          },
        ],
      },
    })
    while (processesWith(seconds).length === 0) await sleep(realSystem.clock, 50)
    await remove(store, PodKind, { namespace: 'default', name })
    for (let look = 0; look < LOOKS; look++) {
      if (processesWith(seconds).length === 0 && (await store.list(PodKind)).items.length === 0)
        return failed('it is gone, and its pod with it')
      await sleep(realSystem.clock, 100)
    }
    return succeeded('it still runs')
  } finally {
    await node.close()
  }
}

attackInEach(guests, 'a guest asks for 30 years to end in, and goes on', {
  defended: (place) => staysAfterItsEnd(place, 500),
  control: (place) => staysAfterItsEnd(place, Number.MAX_SAFE_INTEGER),
  stoppedBy: /it is gone/,
})
