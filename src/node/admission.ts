/** What must be right of an object before the control API stores it, beyond its schema. */
import { InvalidObject, manifestCauses, type FieldCause } from '../api/index.ts'
import { ALL_KINDS } from '../objects/index.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { apiVersionOf, type KindDefinition } from '../objects/kind.ts'
import { admitIntent } from '../service-handler/index.ts'

/** @throws InvalidObject with every field that is wrong */
export function admit(kind: KindDefinition, object: unknown): unknown {
  if (kind.kind === IntentKind.kind) {
    const causes = [...admitIntent(object), ...workloadCauses(object as Intent)]
    // A field that is wrong in two ways is told of once.
    const byField = new Map(causes.toReversed().map((cause) => [cause.field, cause]))
    if (byField.size > 0) throw new InvalidObject([...byField.values()].toReversed())
  }
  return object
}

/** The manifests of an intent are checked as strictly as if they were applied themselves. */
function workloadCauses(intent: Intent): readonly FieldCause[] {
  return (intent.spec.workload ?? []).flatMap((manifest, index) => {
    const kind = ALL_KINDS.find(
      (each) => each.kind === manifest.kind && apiVersionOf(each) === manifest.apiVersion,
    )
    return kind === undefined ? [] : manifestCauses(kind, manifest, `spec.workload[${index}]`)
  })
}
