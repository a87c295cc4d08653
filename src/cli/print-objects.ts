/**
 * Prints objects as JSON, YAML or names.
 */
import { Document, visit } from 'yaml'
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

/** What neither format escapes by itself, though a terminal obeys it: see `printable`. Newlines are the layout. */
const OBEYED = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
const OBEYED_IN_YAML = new RegExp(`[\\u0000-\\u0008\\u000b-\\u001f]|${OBEYED.source}`)

/**
 * @returns `value` as text in the format, with a newline at the end; what a terminal would obey is escaped as the format
 *   has it, so that who reads it gets what there is
 */
export function encodeAs(format: 'json' | 'yaml', value: unknown): string {
  if (format === 'json') return escapeIn(`${JSON.stringify(value, undefined, 2)}\n`)
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    // Only a text between double quotes can have escapes.
    Scalar(_key, node) {
      if (typeof node.value === 'string' && OBEYED_IN_YAML.test(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeIn(document.toString({ lineWidth: 0 }))
}

/** @returns JSON, or YAML whose texts that need it are between double quotes, with escapes for what a terminal obeys */
export function escapeIn(text: string): string {
  return text.replaceAll(
    new RegExp(OBEYED, 'g'),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
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
