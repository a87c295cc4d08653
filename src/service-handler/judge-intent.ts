/**
 * Whether an intent is one: everything that must be right of it, with the field that is wrong. Pure.
 *
 * The one place that decides this. The control API asks it before it stores an intent, an admission webhook may, and
 * the Service Handler asks it of every intent that is in the store, however it got there.
 */
import { isObject, type JsonObject } from '../kernel/json.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { manifestCauses } from '../kernel/validation/manifest-causes.ts'
import { schemaCauses } from '../kernel/validation/schema-causes.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { ServiceKind } from '../objects/core/service.ts'
import { IntentKind } from '../objects/intent.ts'
import { apiVersionOf, type KindDefinition } from '../objects/kind.ts'
import { admitIntent } from './admit-intent.ts'

/** What an intent can carry. */
const WORKLOAD_KINDS: readonly KindDefinition[] = [DeploymentKind, ServiceKind]

/**
 * @param intent whatever is stored, or is to be stored, as an Intent
 * @returns what is wrong with it, one cause for each field; empty when nothing is
 */
export function judgeIntent(intent: unknown): readonly FieldCause[] {
  if (!isObject(intent)) return [{ field: '', message: 'must be an object' }]
  // What the store and the controllers write beside the spec is not the user's to mend.
  const shape = schemaCauses(IntentKind, specOf(intent))
  if (shape.length > 0) return shape
  const causes = [...admitIntent(intent), ...manifestsCauses(intent)]
  // A field that is wrong in two ways is told of once.
  return [...Map.groupBy(causes, ({ field }) => field).values()].map(([first]) => first!)
}

function specOf({ spec }: JsonObject): JsonObject {
  const { group, version, kind } = IntentKind
  return { apiVersion: `${group}/${version}`, kind, metadata: {}, ...(spec === undefined ? {} : { spec }) }
}

/** The manifests of an intent are checked as strictly as if they were applied themselves. */
function manifestsCauses({ spec }: JsonObject): readonly FieldCause[] {
  const { workload = [] } = spec as { workload?: readonly JsonObject[] }
  return workload.flatMap((manifest, index) => {
    const kind = WORKLOAD_KINDS.find(
      (each) => each.kind === manifest['kind'] && apiVersionOf(each) === manifest['apiVersion'],
    )
    return kind === undefined ? [] : manifestCauses(kind, manifest, `spec.workload[${index}]`)
  })
}
