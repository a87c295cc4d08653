/**
 * Makes one object be as its manifest says: creates it, or patches what the manifest says of it.
 *
 * What the manifest said the last time is kept in kubectl's own annotation, so that a field that is taken
 * out of a manifest goes away, and kubectl and this program can be used on one object by turns.
 */
import { type ApiResource, objectName, pathOf } from './api-resource.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import type { ManifestObject } from './manifest.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export interface Applied {
  /** For example `intent.tributary.io/hello`. */
  readonly name: string
  readonly change: 'created' | 'configured' | 'unchanged'
  readonly object: AppliedObject
  readonly warnings: readonly string[]
}

export interface AppliedObject extends ManifestObject {
  readonly metadata: ManifestObject['metadata'] & { readonly uid: string; readonly resourceVersion: string }
}

/**
 * @param namespace for objects whose manifest names none
 * @param dryRun do everything but store
 * @throws ApiStatusError
 */
export async function applyObject(
  client: ControlClient,
  resource: ApiResource,
  manifest: ManifestObject,
  { namespace, dryRun }: { readonly namespace: string; readonly dryRun: boolean },
): Promise<Applied> {
  const at = resource.namespaced ? (manifest.metadata.namespace ?? namespace) : undefined
  const query = { fieldValidation: 'Strict', ...(dryRun ? { dryRun: 'All' } : {}) }
  const wanted = withLastApplied(manifest, at)
  const name = objectName(resource, manifest.metadata.name)
  const path = pathOf(resource, at, manifest.metadata.name)
  for (let attempt = 1; ; attempt++) {
    const current = await client.get<AppliedObject>(path).catch((error: unknown) => {
      if (error instanceof ApiStatusError && error.code === 404) return undefined
      throw error
    })
    if (!current) {
      try {
        const answer = await client.request('POST', pathOf(resource, at), { query, body: wanted })
        return {
          name,
          change: 'created',
          object: JSON.parse(answer.text) as AppliedObject,
          warnings: answer.warnings,
        }
      } catch (error) {
        // Somebody else was faster: then it is a change.
        if (error instanceof ApiStatusError && error.reason === 'AlreadyExists' && attempt < 5) continue
        throw error
      }
    }
    const answer = await client.request('PATCH', path, {
      query,
      body: mergePatch(lastApplied(current), wanted),
      contentType: 'application/merge-patch+json',
    })
    const object = JSON.parse(answer.text) as AppliedObject
    const change = sameWish(current, object) ? 'unchanged' : 'configured'
    return { name, change, object, warnings: answer.warnings }
  }
}

/** Compares by content, for a dry run makes no new version. */
function sameWish(before: AppliedObject, after: AppliedObject): boolean {
  if (before.metadata.resourceVersion !== after.metadata.resourceVersion) return false
  const wish = ({ metadata, status: _status, ...rest }: AppliedObject): unknown => ({
    rest,
    labels: metadata['labels'] ?? {},
    annotations: metadata['annotations'] ?? {},
  })
  return canonical(wish(before)) === canonical(wish(after))
}

function withLastApplied(manifest: ManifestObject, namespace: string | undefined): ManifestObject {
  const { status: _status, ...rest } = manifest
  const annotations = { ...(manifest.metadata['annotations'] as Record<string, string> | undefined) }
  delete annotations[LAST_APPLIED]
  const metadata = { ...manifest.metadata, ...(namespace === undefined ? {} : { namespace }) }
  for (const member of ['resourceVersion', 'uid', 'creationTimestamp', 'generation', 'managedFields']) {
    delete (metadata as Record<string, unknown>)[member]
  }
  const plain = { ...rest, metadata: { ...metadata, annotations } } as ManifestObject
  const text = `${JSON.stringify(plain)}\n`
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } }
}

function lastApplied(object: AppliedObject): unknown {
  const text = (object.metadata['annotations'] as Record<string, string> | undefined)?.[LAST_APPLIED]
  if (text === undefined) return {}
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/**
 * @param before what was wanted the last time
 * @param after what is wanted now
 * @returns the merge patch (RFC 7386) that sets all of `after` and removes what only `before` had
 */
export function mergePatch(before: unknown, after: unknown): unknown {
  if (!isObject(after)) return after
  const was = isObject(before) ? before : {}
  return {
    ...Object.fromEntries(
      Object.keys(was)
        .filter((member) => !Object.hasOwn(after, member))
        .map((member) => [member, null]),
    ),
    ...Object.fromEntries(
      Object.entries(after).map(([member, value]) => [member, mergePatch(was[member], value)]),
    ),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  )
}
