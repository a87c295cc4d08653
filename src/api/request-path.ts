/**
 * The grammar of Kubernetes' paths. Pure.
 */
import { ApiError } from './status.ts'

/** What a path below `/api` or `/apis` names. */
export type RequestPath =
  /** `/api` or `/apis` */
  | { readonly type: 'groups'; readonly root: 'api' | 'apis' }
  /** `/apis/{group}` */
  | { readonly type: 'group'; readonly group: string }
  /** `/api/v1`, `/apis/{group}/{version}` */
  | { readonly type: 'version'; readonly apiVersion: string }
  | {
      readonly type: 'resource'
      readonly apiVersion: string
      readonly plural: string
      readonly namespace?: string
      readonly name?: string
      readonly subresource?: string
    }

/**
 * @param path as in the request line, without the query
 * @returns undefined when the path names nothing
 * @throws ApiError `BadRequest` for a wrong percent-encoding
 */
export function parseRequestPath(path: string): RequestPath | undefined {
  const [root, ...segments] = path.replace(/\/$/, '').slice(1).split('/').map(decode)
  if (segments.includes('')) return undefined
  if (root === 'api') {
    const [version, ...rest] = segments
    return version === undefined ? { type: 'groups', root } : belowVersion(version, rest)
  }
  if (root !== 'apis') return undefined
  const [group, version, ...rest] = segments
  if (group === undefined) return { type: 'groups', root }
  return version === undefined ? { type: 'group', group } : belowVersion(`${group}/${version}`, rest)
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw new ApiError(
      'BadRequest',
      `the path has a wrong percent-encoding: ${segment.slice(0, 100)}`,
      undefined,
      {
        cause: error,
      },
    )
  }
}

function belowVersion(apiVersion: string, segments: readonly string[]): RequestPath | undefined {
  const [first, second, third, ...rest] = segments
  if (first === undefined) return { type: 'version', apiVersion }
  // `namespaces/{name}` and its subresources are the Namespace itself; anything else below is inside of it.
  if (
    first === 'namespaces' &&
    second !== undefined &&
    third !== undefined &&
    !['status', 'finalize'].includes(third)
  ) {
    return collection(apiVersion, third, second, rest)
  }
  return collection(apiVersion, first, undefined, segments.slice(1))
}

function collection(
  apiVersion: string,
  plural: string,
  namespace: string | undefined,
  [name, subresource, ...more]: readonly string[],
): RequestPath | undefined {
  if (more.length > 0) return undefined
  return {
    type: 'resource',
    apiVersion,
    plural,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  }
}
