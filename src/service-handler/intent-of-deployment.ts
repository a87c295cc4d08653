/** The intent that a plain Deployment becomes because it asks to, and whether it is to be there. Pure. */
import { createHash } from 'node:crypto'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import type { Deployment } from '../objects/core/deployment.ts'
import type { Namespace } from '../objects/core/namespace.ts'
import { readFluidosAnnotations } from '../objects/fluidos-annotations.ts'
import type { Intent, IntentSpec } from '../objects/intent.ts'
import { controllerOf, keyOf, ownedBy, type NewObject } from '../objects/meta.ts'
import { PLAN_ANNOTATION } from '../objects/plan.ts'
import { asksForOffload } from '../objects/offload.ts'

/** Annotation of a derived intent: a digest of what the Deployment said, so that what the user adds to it stays. */
const DERIVED_ANNOTATION = 'tributary.io/derived'
/** Annotation of a derived intent: what was not understood of the Deployment's annotations. */
const WARNINGS_ANNOTATION = 'tributary.io/warnings'
const LONGEST_WARNINGS = 1_000

export type Derivation = 'none' | 'create' | 'update' | 'remove'

/**
 * @param namespace that of the Deployment, if it is stored
 * @param intent the one of the Deployment's name, if there is one
 * @returns what has to be done so that there is an intent just as long as the Deployment asks for one
 */
export function derivationOf(
  deployment: Deployment | undefined,
  namespace: Namespace | undefined,
  intent: Intent | undefined,
): Derivation {
  // Where the Deployment is gone, its intent goes with it as what it owns.
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return 'none'
  // Made by a controller, for example for an intent.
  if (controllerOf(deployment) !== undefined) return 'none'
  const asks = asksForOffload(deployment, namespace)
  if (intent === undefined) return asks && !isPlaced(deployment) ? 'create' : 'none'
  if (!isDerivedFrom(intent, deployment) || intent.metadata.deletionTimestamp !== undefined) return 'none'
  if (!asks) return 'remove'
  return intent.metadata.annotations?.[DERIVED_ANNOTATION] === digestOf(deployment) ? 'none' : 'update'
}

/** @returns whether an intent follows from a Deployment, and not from a user */
export function isDerived(intent: Intent): boolean {
  return controllerOf(intent)?.kind === 'Deployment'
}

function isDerivedFrom(intent: Intent, deployment: Deployment): boolean {
  return controllerOf(intent)?.uid === deployment.metadata.uid
}

/** @returns the intent that a Deployment asks for */
export function derivedIntent(deployment: Deployment): NewObject<Intent> {
  return {
    metadata: {
      ...keyOf(deployment),
      ownerReferences: [ownedBy(deployment)],
      annotations: derivedAnnotations(deployment),
    },
    spec: derivedSpec(deployment),
  }
}

/** @returns the intent with what the Deployment says now; what the user wrote into it beside that stays */
export function updatedIntent(intent: Intent, deployment: Deployment): Intent {
  const before = intent.metadata.annotations ?? {}
  const { [DERIVED_ANNOTATION]: known, [WARNINGS_ANNOTATION]: _, ...annotations } = before
  const { requirements: _r, weights: _w, ...others } = intent.spec
  return {
    ...intent,
    metadata: { ...intent.metadata, annotations: { ...annotations, ...derivedAnnotations(deployment) } },
    // One of a version that kept no digest says what the Deployment said then, and may have been changed by the user.
    spec: known === undefined ? intent.spec : { ...others, ...derivedSpec(deployment) },
  }
}

/** @returns what is wrong with the annotations of a Deployment that asks to be offloaded; empty when nothing is */
export function judgeDeployment({ metadata }: Pick<Deployment, 'metadata'>): readonly FieldCause[] {
  const { invalid = [] } = readFluidosAnnotations(metadata.annotations ?? {})
  return invalid.map(({ annotation, message }) => ({
    field: `metadata.annotations[${annotation}] of Deployment ${metadata.name}`,
    message,
  }))
}

function derivedSpec({ apiVersion, kind, metadata }: Deployment): IntentSpec {
  const { requirements, weights } = readFluidosAnnotations(metadata.annotations ?? {})
  return {
    workloadRef: { apiVersion, kind, name: metadata.name },
    ...(Object.keys(requirements).length > 0 ? { requirements } : {}),
    ...(weights ? { weights } : {}),
  }
}

function derivedAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const plan = deployment.metadata.annotations?.[PLAN_ANNOTATION]
  const { warnings } = readFluidosAnnotations(deployment.metadata.annotations ?? {})
  return {
    [DERIVED_ANNOTATION]: digestOf(deployment),
    ...(plan === undefined ? {} : { [PLAN_ANNOTATION]: plan }),
    ...(warnings.length > 0 ? { [WARNINGS_ANNOTATION]: warnings.join('; ').slice(0, LONGEST_WARNINGS) } : {}),
  }
}

function digestOf(deployment: Deployment): string {
  const { warnings } = readFluidosAnnotations(deployment.metadata.annotations ?? {})
  return createHash('sha256')
    .update(JSON.stringify([derivedSpec(deployment), warnings]))
    .digest('hex')
    .slice(0, 16)
}

/** Whether the user said on which node it runs. */
function isPlaced({ spec }: Deployment): boolean {
  const { nodeName, nodeSelector } = spec.template.spec
  return nodeName !== undefined || Object.keys(nodeSelector ?? {}).length > 0
}
