/** All kinds that the store holds and the control API serves. A new kind is listed here and nowhere else. */
import { AccessTokenKind } from './access-token.ts'
import { AllocationKind } from './allocation.ts'
import { ContractKind } from './contract.ts'
import { CORE_KINDS } from './core/index.ts'
import { DealingSummaryKind } from './dealing-summary.ts'
import { DiscoveryKind } from './discovery.ts'
import { FactKind } from './fact.ts'
import { FlavorKind } from './flavor.ts'
import { IntentKind } from './intent.ts'
import type { KindDefinition } from './kind.ts'
import { KnownClusterKind } from './known-cluster.ts'
import { PeerKind } from './peer.ts'
import { PeeringCandidateKind } from './peering-candidate.ts'
import { PlanKind } from './plan.ts'
import { PoolShardKind } from './pool-shard.ts'
import { PoolKind } from './pool.ts'
import { RatingStatementKind } from './rating-statement.ts'
import { RatingKind } from './rating.ts'
import { ReservationKind } from './reservation.ts'
import { SampleKind } from './sample.ts'
import { SolverKind } from './solver.ts'
import { TraceKind } from './trace.ts'
import { TransactionKind } from './transaction.ts'
import { VirtualNodeKind } from './virtual-node.ts'
import { VirtualRouterKind } from './virtual-router.ts'

export const ALL_KINDS: readonly KindDefinition[] = [
  ...CORE_KINDS,
  IntentKind,
  PlanKind,
  SolverKind,
  DiscoveryKind,
  PeeringCandidateKind,
  ReservationKind,
  TransactionKind,
  ContractKind,
  DealingSummaryKind,
  AllocationKind,
  PoolKind,
  PoolShardKind,
  FlavorKind,
  VirtualNodeKind,
  VirtualRouterKind,
  PeerKind,
  KnownClusterKind,
  FactKind,
  RatingKind,
  RatingStatementKind,
  SampleKind,
  TraceKind,
  AccessTokenKind,
]
