/** The node at a glance: what `tributary status` shows. */
import type { EffectiveConfig } from '../config/index.ts'
import type { GuestTerms } from '../objects/guests.ts'
import type { Cluster } from '../fabric/cluster.ts'
import type { Fabric } from '../fabric/fabric.ts'
import type { ProcessRole } from './active-process.ts'
import type { Self } from '../node-base.ts'
import { formatHostPort, isUnspecified } from '../objects/host-port.ts'
import type { Peer, PeerRole } from '../objects/peer.ts'
import { VERSION } from '../version.ts'

/** What `GET /tributary/v1/status` answers. */
export interface NodeStatus {
  readonly name: string
  readonly id: string
  readonly role: PeerRole
  readonly domain: string
  readonly version: string
  readonly rearAddress: string
  /** Where the control API is for those with a token. */
  readonly controlUrl?: string
  readonly uptimeSeconds: number
  /** Whether the process that answers acts for the node. */
  readonly process: ProcessRole
  readonly architecture: string
  /** How workloads are run. */
  readonly fabric: string
  /** What makes them keep to what they bought. */
  readonly enforcement: string
  /** What keeps them away from the machine and from each other. */
  readonly isolation: string
  /** What buyers' programs run in and reach, and how their limits are kept; or why they do not run. */
  readonly guests?: GuestTerms
  readonly warnings: readonly NodeWarning[]
  readonly peers: readonly PeerLine[]
}

export interface NodeWarning {
  readonly code: string
  readonly severity: 'low' | 'high'
  readonly text: string
}

interface PeerLine {
  readonly name: string
  /** Name of the Peer object. */
  readonly object: string
  readonly id?: string
  readonly address?: string
  readonly phase?: string
  readonly domain?: string
  readonly message?: string
}

export interface NodeStatusOptions {
  readonly config: EffectiveConfig
  readonly self: Self
  readonly role: PeerRole
  readonly fabric: Pick<Fabric & Cluster, 'name' | 'enforcement' | 'isolation' | 'architectures' | 'guests'>
  readonly peers: readonly Peer[]
  readonly uptimeMs: number
  readonly controlUrl?: string | undefined
  /** Address of the listener without TLS, where there is one. */
  readonly plainAddress: string | undefined
  /** What components warn of. */
  readonly warnings: readonly NodeWarning[]
  readonly process: ProcessRole
}

export function nodeStatus(options: NodeStatusOptions): NodeStatus {
  const { config, self, role, fabric, peers, uptimeMs, controlUrl, plainAddress, warnings, process } = options
  return {
    name: self.name,
    id: self.id,
    role,
    domain: self.domain,
    version: VERSION,
    rearAddress: self.identity().ip,
    ...(controlUrl === undefined ? {} : { controlUrl }),
    uptimeSeconds: Math.round(uptimeMs / 1000),
    process,
    architecture: fabric.architectures.join(', '),
    fabric: fabric.name,
    enforcement: fabric.enforcement,
    isolation: fabric.isolation,
    ...(config.allowWorkloads && fabric.guests && { guests: fabric.guests }),
    warnings: [...settingWarnings(config, fabric, plainAddress), ...warnings],
    peers: peers.map(peerLine),
  }
}

function peerLine({ metadata, spec, status }: Peer): PeerLine {
  const { phase, domain, message } = status ?? {}
  return {
    name: status?.name ?? metadata.name,
    object: metadata.name,
    ...(spec.nodeID === undefined ? {} : { id: spec.nodeID }),
    ...(spec.address === undefined ? {} : { address: spec.address }),
    ...(phase === undefined ? {} : { phase }),
    ...(domain === undefined ? {} : { domain }),
    ...(message === undefined ? {} : { message }),
  }
}

/** What an operator may not have meant, or should not forget. */
function settingWarnings(
  config: EffectiveConfig,
  fabric: Pick<Fabric & Cluster, 'name' | 'enforcement' | 'isolation' | 'architectures' | 'guests'>,
  plainAddress: string | undefined,
): readonly NodeWarning[] {
  const warnings: NodeWarning[] = []
  const warn = (severity: NodeWarning['severity'], code: string, text: string): void => {
    warnings.push({ code, severity, text })
  }
  if (config.allowWorkloads) {
    const { enforcement, isolation, guests } = fabric
    if (guests?.status === 'Refused') warn('high', 'no-compute-for-sale', guests.message)
    else if (guests === undefined || guests.runner === 'process') {
      warn(
        'high',
        'workloads-unisolated',
        `buyers run commands on this machine as ordinary processes (limits: ${enforcement}; isolation: ${isolation})`,
      )
    } else {
      warn('low', 'workloads-allowed', `programs of buyers run on this machine, in a ${guests.runner}`)
    }
  } else if (config.sell) {
    warn('high', 'cannot-deliver', 'compute is for sale, but allowWorkloads is off: buyers will be denied')
  }
  if (plainAddress !== undefined) {
    warn('high', 'plain-http', `plain HTTP listener on ${plainAddress}: callers are not authenticated`)
  }
  const { listen, advertise } = config.rear
  if (advertise === undefined && isUnspecified(listen)) {
    warn(
      'high',
      'no-advertised-address',
      `REAR listens on every address (${formatHostPort(listen)}), but others are told of none: set rear.advertise to the host:port under which they reach this node`,
    )
  }
  if (config.domain.authority === undefined) {
    warn('low', 'no-authority', 'no domain authority is configured: peers have to be accepted one by one')
  }
  return warnings
}
