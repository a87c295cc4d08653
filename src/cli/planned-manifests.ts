/** The manifests of a plan, as they are applied: bound to what the plan showed, if that is still to be had. */
import { PLAN_ANNOTATION } from '../objects/plan.ts'
import { CliError, EXIT } from './cli-error.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import { peerNames, withNodeNames } from './peer-names.ts'
import { printable } from './printable.ts'

interface CheckedPlan {
  readonly manifests: readonly ManifestObject[]
  /** What is not to be had any more as it was shown, for people. */
  readonly changes: readonly string[]
}

/**
 * @param id of the plan
 * @throws CliError with exit code 3 where there is no such plan, or anything would be worse than it showed
 */
export async function plannedManifests(client: ControlClient, id: string): Promise<readonly Manifest[]> {
  const path = `/tributary/v1/plan/${encodeURIComponent(id)}/check`
  const { manifests, changes } = await client.json<CheckedPlan>('POST', path).catch((error: unknown) => {
    if (!(error instanceof ApiStatusError) || error.code !== 404) throw error
    throw new CliError(printable(error.message), EXIT.notFound, { cause: error })
  })
  if (changes.length > 0) {
    const names = await peerNames(client)
    const lines = changes.map((change) => `  ${withNodeNames(printable(change), names)}`)
    throw new CliError(
      [
        `${id} does not hold any more; nothing was bought or changed:`,
        ...lines,
        'See what there is now with: tributary plan -f FILE',
      ].join('\n'),
      EXIT.changed,
    )
  }
  return manifests.map((object) => ({ file: id, object: bound(object, id), lineOf: () => 1 }))
}

function bound(object: ManifestObject, id: string): ManifestObject {
  if (object.kind !== 'Intent' && object.kind !== 'Deployment') return object
  const annotations = { ...(object.metadata['annotations'] as object | undefined), [PLAN_ANNOTATION]: id }
  return { ...object, metadata: { ...object.metadata, annotations } }
}
