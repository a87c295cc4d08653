/**
 * Prints objects as JSON, YAML or names.
 */
import { stringify } from 'yaml'
import { type ApiResource, apiVersionOf, objectName } from './api-resource.ts'
import type { Context } from './context.ts'
import { print } from './context.ts'

/** As much of an object as everything that is printed has. */
export interface NamedObject {
  readonly metadata: { readonly name: string }
}

export interface FoundObject {
  readonly resource: ApiResource
  readonly object: NamedObject
}

/** @returns `value` as text in the format, with a newline at the end */
export function encodeAs(format: 'json' | 'yaml', value: unknown): string {
  return format === 'json'
    ? `${JSON.stringify(value, undefined, 2)}\n`
    : stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 })
}

/**
 * @param single the user named one object: it stands alone, without a list around it
 */
export function printObjects(
  context: Pick<Context, 'stdout'>,
  format: 'json' | 'yaml' | 'name',
  found: readonly FoundObject[],
  single: boolean,
): void {
  if (format === 'name') {
    print(context, ...found.map(({ resource, object }) => objectName(resource, object.metadata.name)))
    return
  }
  const objects = found.map(({ resource, object }) => ({
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    ...object,
  }))
  const value =
    single && objects.length === 1
      ? objects[0]
      : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects }
  context.stdout.write(encodeAs(format, value))
}
