/**
 * Patches: the three formats that are accepted, by content type.
 */
import { decodeJson, decodeYaml } from '../body.ts'
import { isObject, type JsonObject } from '../../kernel/json.ts'
import { mediaTypes } from '../negotiation.ts'
import { ApiError } from '../status.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from '../../kernel/merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

/** Applies a patch to an object; may be called several times. */
export type Patch = (document: JsonObject) => JsonObject

export const JSON_PATCH = 'application/json-patch+json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json'
const APPLY_PATCHES = ['application/apply-patch+yaml', 'application/apply-patch+cbor']

/**
 * @param builtIn whether strategic merge patches are understood for the kind
 * @throws ApiError `UnsupportedMediaType`, `BadRequest`; the patch itself may throw `Invalid`
 */
export function decodePatch(
  contentType: string | undefined,
  body: Buffer | undefined,
  builtIn: boolean,
): Patch {
  const type = mediaTypes(contentType)[0]?.type ?? ''
  const apply = patchFunction(type, builtIn)
  const patch = type.includes('yaml') ? decodeYaml(body) : decodeJson(body)
  if (type !== JSON_PATCH && !isObject(patch)) throw new ApiError('BadRequest', 'the patch must be an object')
  return (document) => {
    const result = apply(document, patch)
    if (!isObject(result)) throw new ApiError('Invalid', 'the patch leaves no object')
    return result
  }
}

function patchFunction(type: string, builtIn: boolean): (document: unknown, patch: unknown) => unknown {
  if (type === JSON_PATCH) return applyJsonPatch
  if (type === MERGE_PATCH) return applyMergePatch
  if (type === STRATEGIC_MERGE_PATCH && builtIn) return applyStrategicMergePatch
  const accepted = [JSON_PATCH, MERGE_PATCH, ...(builtIn ? [STRATEGIC_MERGE_PATCH] : [])].join(', ')
  if (APPLY_PATCHES.includes(type)) {
    throw new ApiError(
      'UnsupportedMediaType',
      `server-side apply is not supported: use client-side apply (kubectl apply without --server-side); accepted patches: ${accepted}`,
    )
  }
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  )
}
