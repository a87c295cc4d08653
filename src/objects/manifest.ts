/** The manifests that an intent carries. Pure. */
import type { Deployment } from './core/deployment.ts'
import type { Service } from './core/service.ts'
import type { Intent } from './intent.ts'
import type { NewObject } from './meta.ts'

export type DeploymentManifest = NewObject<Deployment> & {
  readonly apiVersion: 'apps/v1'
  readonly kind: 'Deployment'
}
export type ServiceManifest = NewObject<Service> & { readonly apiVersion: 'v1'; readonly kind: 'Service' }

/** One that passed admission, so has the schema of its kind. */
export type Manifest = DeploymentManifest | ServiceManifest

/** @returns the manifests of an intent that was accepted; none where it refers to a workload that is there already */
export function manifestsOf(intent: Pick<Intent, 'spec'>): readonly Manifest[] {
  return (intent.spec.workload ?? []) as readonly object[] as readonly Manifest[]
}

/** @returns those that are to run */
export function deploymentManifests(intent: Pick<Intent, 'spec'>): readonly DeploymentManifest[] {
  return manifestsOf(intent).filter((manifest) => manifest.kind === 'Deployment')
}
