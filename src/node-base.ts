/**
 * What every component of the node is given by the composition root. A component takes what it needs of it,
 * and its other collaborators by name; none of them reaches for a global.
 */
import type { Informers } from './kernel/informer.ts'
import type { Log } from './kernel/log.ts'
import type { ObjectStore } from './kernel/object-store.ts'
import type { System } from './kernel/system.ts'
import type { NodeIdentity } from './objects/fluidos-common.ts'
import type { NodeId } from './objects/ids.ts'
import type { Recorder } from './trace/index.ts'

/** Who this node is, as its partners know it. */
export interface Self {
  readonly id: NodeId
  /** What the operator calls it; also the name of its Kubernetes node. */
  readonly name: string
  readonly domain: string
  /** The identity that goes into messages; `ip` is where our REAR listener is reached, known once it listens. */
  identity(): NodeIdentity
}

export interface NodeBase {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly recorder: Recorder
  readonly self: Self
}
