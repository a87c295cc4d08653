/** Control: the API for users and tools of this node. Simulated nodes have none; their tests have the store. */
import { join } from 'node:path'
import { AccessTokens, ControlApi, InvalidObject } from '../../api/index.ts'
import { ALL_KINDS } from '../../objects/index.ts'
import { VERSION } from '../../version.ts'
import { admit } from '../admission.ts'
import { allocationCauses } from '../admit-allocation.ts'
import { controlRoutes } from '../control-routes.ts'
import type { ProcessRole } from '../active-process.ts'
import type { NodeStatus } from '../node-status.ts'
import type { FoundationHandles } from './foundation.ts'
import type { Part } from './part.ts'
import type { PeeringHandles } from './peering.ts'
import type { WorkloadsHandles } from './workloads.ts'

export interface ControlHandles {
  /** undefined where none is served. */
  readonly controlApi: ControlApi | undefined
}

/** Started last, when the node answers others. */
export function createControl(
  before: FoundationHandles &
    PeeringHandles &
    WorkloadsHandles & {
      readonly status: () => NodeStatus
      readonly process: () => ProcessRole
    },
): Part<ControlHandles> {
  const { base, config, directory, fabric, traces, orchestrator, status, process } = before
  const { store, informers, system, log } = base
  const controlApi = new ControlApi({
    store,
    kinds: ALL_KINDS,
    system,
    log,
    socket: join(directory, 'run', 'control.sock'),
    runtimeDirectory: globalThis.process.env['XDG_RUNTIME_DIR'],
    secure: {
      listen: config.control.listen,
      tokens: new AccessTokens({ store, informers, system, log }),
      directory,
      nodeName: config.name,
    },
    version: VERSION,
    async admit(kind, object) {
      const admitted = admit(kind, object)
      const causes = await allocationCauses(store, kind, object)
      if (causes.length > 0) throw new InvalidObject(causes)
      return admitted
    },
    podLogs: (key, logOptions) => fabric.logs(key, logOptions),
    extra: controlRoutes({ store, informers, log, system, traces, orchestrator, status, process }),
  })
  return { handles: { controlApi }, components: [controlApi], routes: [] }
}

/** In its place where nobody is to look in from outside. */
export function withoutControl(): Part<ControlHandles> {
  return { handles: { controlApi: undefined }, components: [], routes: [] }
}
