/** What the status of a Deployment says of its pods, in Kubernetes' words. Pure. */
import { rfc3339 } from '../../kernel/system.ts'
import type { Deployment, DeploymentStatus } from '../../objects/core/deployment.ts'
import { type Condition, setCondition } from '../../objects/meta.ts'
import type { RolloutCounts } from './rollout.ts'

const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600

/**
 * @param deployment whose generation the counts belong to
 * @param before the stored status
 * @param now milliseconds since 1970
 * @returns the status, and when to look again although nothing changes
 */
export function deploymentStatus(
  deployment: Deployment,
  before: DeploymentStatus | undefined,
  counts: RolloutCounts,
  now: number,
): { readonly status: DeploymentStatus; readonly requeueAfterMs?: number } {
  const { desired, replicas, updated, ready, available, maxUnavailable } = counts
  const { name } = deployment.metadata
  const time = rfc3339(now)
  const enough = available >= desired - maxUnavailable
  let conditions = setCondition(
    before?.conditions,
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
    },
    time,
  )

  const moved =
    before?.observedGeneration !== deployment.metadata.generation ||
    (before.replicas ?? 0) !== replicas ||
    (before.updatedReplicas ?? 0) !== updated ||
    (before.readyReplicas ?? 0) < ready ||
    (before.availableReplicas ?? 0) < available
  const known = conditions.find(({ type }) => type === 'Progressing') as ProgressCondition | undefined
  const lastUpdateTime = moved ? time : (known?.lastUpdateTime ?? time)
  const deadline = (deployment.spec.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS) * 1_000
  const left = Date.parse(lastUpdateTime) + deadline - now
  const complete = updated === desired && replicas === desired && available === desired
  const progress: Omit<ProgressCondition, 'lastTransitionTime'> = complete
    ? {
        type: 'Progressing',
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `Deployment "${name}" has successfully progressed.`,
        lastUpdateTime,
      }
    : left > 0 || known?.reason === 'NewReplicaSetAvailable'
      ? {
          type: 'Progressing',
          status: 'True',
          // A deployment that was complete and lost a pod is not rolling out again.
          reason:
            known?.reason === 'NewReplicaSetAvailable' && updated === desired
              ? 'NewReplicaSetAvailable'
              : 'ReplicaSetUpdated',
          message: `Deployment "${name}" is progressing.`,
          lastUpdateTime,
        }
      : {
          type: 'Progressing',
          status: 'False',
          reason: 'ProgressDeadlineExceeded',
          message: `Deployment "${name}" has timed out progressing.`,
          lastUpdateTime,
        }
  conditions = setCondition(conditions, progress, time).map((condition) =>
    condition.type === 'Progressing' && moved ? { ...condition, lastUpdateTime } : condition,
  )
  const status: DeploymentStatus = {
    ...before,
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: updated,
    readyReplicas: ready,
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
    conditions: [...conditions],
  }
  return complete || left <= 0 ? { status } : { status, requeueAfterMs: left + 1_000 }
}

type ProgressCondition = Condition & { readonly lastUpdateTime?: string }
