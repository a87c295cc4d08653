/**
 * The core kinds of a cluster, as far as the embedded one implements them.
 */
import type { KindDefinition } from '../kind.ts'
import { ConfigMapKind } from './config-map.ts'
import { DeploymentKind } from './deployment.ts'
import { EventKind } from './event.ts'
import { LeaseKind } from './lease.ts'
import { NamespaceKind } from './namespace.ts'
import { NodeKind } from './node.ts'
import { PodKind } from './pod.ts'
import { SecretKind } from './secret.ts'
import { ServiceKind } from './service.ts'

/** All of them. */
export const CORE_KINDS: readonly KindDefinition[] = [
  NamespaceKind,
  NodeKind,
  PodKind,
  ServiceKind,
  ConfigMapKind,
  SecretKind,
  EventKind,
  DeploymentKind,
  LeaseKind,
]
