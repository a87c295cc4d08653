/** Ratings and Metrics over a store, without the rest of a node. */
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import type { System } from '../../src/kernel/system.ts'
import type { NodeBase } from '../../src/node-base.ts'
import { FactObjects, RatingsAndMetrics } from '../../src/ratings-and-metrics/index.ts'
import { Recorder } from '../../src/trace/index.ts'

export interface LocalRatings {
  readonly ratings: RatingsAndMetrics
  readonly recorder: Recorder
  stop(): Promise<void>
}

/** One life of the component; another one may follow on the same store. */
export async function startLocalRatings(system: System, store: ObjectStore): Promise<LocalRatings> {
  const informers = new Informers({ store, system, log: silentLog })
  const facts = new FactObjects({ store, informers, system, log: silentLog })
  const recorder = new Recorder({ system, node: 'me', sinks: [facts] })
  const base = { store, informers, system, log: silentLog, recorder } as unknown as NodeBase
  const ratings = new RatingsAndMetrics({ ...base, facts })
  await informers.start()
  await ratings.start()
  return {
    ratings,
    recorder,
    async stop() {
      await ratings.stop()
      await recorder.stop()
      await informers.stop()
    },
  }
}
