/** Step 2: from an intent to simple requests, one for each Deployment of it. Pure. */
import { podRequests } from '../fabric/pod-resources.ts'
import { commandless } from '../fabric/pod-images.ts'
import type { Deployment } from '../objects/core/deployment.ts'
import { multiplyAmounts, type Amounts } from '../quantity/amounts.ts'

export interface WorkloadRequest {
  /** Unique in the intent. */
  readonly name: string
  /** Name of the Deployment. */
  readonly workload: string
  /** What all its replicas need together. */
  readonly amounts: Amounts
  /** Whether a container has no command, so that it needs its image. */
  readonly images?: true
}

/** A Deployment as it is to be, or as it is. */
export type WantedDeployment = Pick<Deployment, 'spec'> & { readonly metadata: { readonly name: string } }

/** @returns what a Deployment asks for, all replicas together */
export function deploymentAmounts(deployment: Pick<Deployment, 'spec'>): Amounts {
  return multiplyAmounts(podRequests(deployment.spec.template.spec), deployment.spec.replicas ?? 1)
}

/** @returns one request for each Deployment, in the order of the manifests */
export function decompose(deployments: readonly WantedDeployment[]): readonly WorkloadRequest[] {
  return deployments.map((deployment) => ({
    name: deployment.metadata.name,
    workload: deployment.metadata.name,
    amounts: deploymentAmounts(deployment),
    ...(commandless(deployment.spec.template.spec) !== undefined && { images: true }),
  }))
}
