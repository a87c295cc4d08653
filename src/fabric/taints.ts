/** Taints and tolerations, by Kubernetes' rules. Pure; for clusters and for schedulers. */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { PodSpec } from '../objects/core/pod-spec.ts'
import { open } from '../objects/schema.ts'

const TaintSchema = open({ key: Type.String(), value: Type.Optional(Type.String()), effect: Type.String() })
export type Taint = Static<typeof TaintSchema>

const TolerationSchema = open({
  key: Type.Optional(Type.String()),
  operator: Type.Optional(Type.String()),
  value: Type.Optional(Type.String()),
  effect: Type.Optional(Type.String()),
})
export type Toleration = Static<typeof TolerationSchema>

const taint = Compile(TaintSchema)
const toleration = Compile(TolerationSchema)

/** @returns the taints of a node's spec; what is none is left out */
export function taintsOf(value: unknown): readonly Taint[] {
  return Array.isArray(value) ? value.filter((each): each is Taint => taint.Check(each)) : []
}

/** @returns the tolerations of a pod's spec; what is none is left out */
export function tolerationsOf({ tolerations }: Pick<PodSpec, 'tolerations'>): readonly Toleration[] {
  return Array.isArray(tolerations)
    ? tolerations.filter((each): each is Toleration => toleration.Check(each))
    : []
}

/** @returns the first taint that keeps the pod off a node; `PreferNoSchedule` keeps nothing off */
export function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  return taints
    .filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
    .find((each) => !tolerations.some((one) => tolerates(one, each)))
}

function tolerates({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== '' && effect !== taint.effect) return false
  // Without a key, `Exists` tolerates everything.
  if (key === undefined || key === '') return operator === 'Exists'
  if (key !== taint.key) return false
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''))
}

/** @returns the taint as `kubectl` writes it */
export function taintText({ key, value, effect }: Taint): string {
  return value === undefined || value === '' ? `${key}:${effect}` : `${key}=${value}:${effect}`
}
