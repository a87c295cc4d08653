/** Step 2: from an intent to simple requests, one for each Deployment of it. Pure. */
import { podRequests } from '../fabric/pod-resources.ts'
import type { Deployment } from '../objects/core/deployment.ts'
import type { Intent } from '../objects/intent.ts'
import type { MetadataInput } from '../objects/meta.ts'
import { multiplyAmounts, type Amounts } from '../quantity/amounts.ts'

export interface WorkloadRequest {
  /** Unique in the intent. */
  readonly name: string
  /** Name of the Deployment. */
  readonly workload: string
  /** What all its replicas need together. */
  readonly amounts: Amounts
}

/** A manifest that passed admission. */
export type Manifest = Readonly<Record<string, unknown>> & {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: MetadataInput
}

/** @returns what a Deployment asks for, all replicas together */
export function deploymentAmounts(deployment: Pick<Deployment, 'spec'>): Amounts {
  return multiplyAmounts(podRequests(deployment.spec.template.spec), deployment.spec.replicas ?? 1)
}

/** @returns one request for each Deployment, in the order of the manifests */
export function decompose(
  deployments: readonly (Pick<Deployment, 'spec'> & { readonly metadata: { readonly name: string } })[],
): readonly WorkloadRequest[] {
  return deployments.map((deployment) => ({
    name: deployment.metadata.name,
    workload: deployment.metadata.name,
    amounts: deploymentAmounts(deployment),
  }))
}

/** @returns the manifests of an intent that carries its workload */
export function manifestsOf(intent: Intent): readonly Manifest[] {
  return (intent.spec.workload ?? []) as unknown as readonly Manifest[]
}
