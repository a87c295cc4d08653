/** Which ConfigMaps and Secrets a pod refers to: what its provider has to be given. Pure. */
import type { PodSpec } from '../../objects/core/pod-spec.ts'

export type ConfigKind = 'ConfigMap' | 'Secret'

export interface ConfigReference {
  readonly kind: ConfigKind
  readonly name: string
  /** Whether the pod runs without it. */
  readonly optional: boolean
}

/** @returns each object once; needed where one of the places that name it needs it */
export function configReferences(spec: PodSpec): readonly ConfigReference[] {
  const found = new Map<string, ConfigReference>()
  const add = (kind: ConfigKind, ref: { name: string; optional?: boolean | undefined } | undefined): void => {
    if (ref === undefined) return
    const { name, optional = false } = ref
    const before = found.get(`${kind} ${name}`)
    found.set(`${kind} ${name}`, { kind, name, optional: optional && (before?.optional ?? true) })
  }
  for (const { env = [], envFrom = [] } of spec.containers) {
    for (const { configMapRef, secretRef } of envFrom) {
      add('ConfigMap', configMapRef)
      add('Secret', secretRef)
    }
    for (const { valueFrom } of env) {
      add('ConfigMap', valueFrom?.configMapKeyRef)
      add('Secret', valueFrom?.secretKeyRef)
    }
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    add('ConfigMap', configMap)
    add('Secret', secret && { ...secret, name: secret.secretName })
    for (const source of projected?.sources ?? []) {
      add('ConfigMap', source.configMap)
      add('Secret', source.secret)
    }
  }
  // As in Kubernetes, an image may be public after all.
  for (const { name } of spec.imagePullSecrets ?? []) add('Secret', { name, optional: true })
  return [...found.values()]
}
