/**
 * Kubernetes' server-side tables: what `kubectl get` prints.
 */
import type { KubeObject } from '../objects/meta.ts'
import type { KindDefinition, PrinterColumn } from '../objects/kind.ts'
import { valueAt } from './field-path.ts'
import { humanDuration } from './human-duration.ts'
import { type JsonObject, member } from '../kernel/json.ts'
import { partialMetadata } from './partial-metadata.ts'
import { ApiError } from './status.ts'

/** How much of each object a row carries; Kubernetes' `includeObject`. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** @throws ApiError `BadRequest` */
export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? ''
  switch (value) {
    case '':
      return 'Metadata'
    case 'None':
    case 'Metadata':
    case 'Object':
      return value
    default:
      throw new ApiError('BadRequest', `includeObject: unsupported value ${JSON.stringify(value)}`)
  }
}

/** @returns name and age around the columns of the kind */
export function columnDefinitions(kind: KindDefinition): readonly JsonObject[] {
  const own = kind.columns.filter((column) => !isNameOrAge(column))
  return [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Unique within its kind and namespace.',
      priority: 0,
    },
    ...own.map((column) => ({
      name: column.name,
      type: column.type ?? 'string',
      format: '',
      description: `${column.path} of the ${kind.kind}`,
      priority: column.wide ? 1 : 0,
    })),
    {
      name: 'Age',
      type: 'string',
      format: '',
      description: 'Time since the object was created.',
      priority: 0,
    },
  ]
}

/** A kind may list them for its CRD; here they are always there. */
function isNameOrAge(column: PrinterColumn): boolean {
  return column.path === 'metadata.name' || column.path === 'metadata.creationTimestamp'
}

/** @returns one row; `now` in milliseconds since 1970, for ages */
export function tableRow(
  kind: KindDefinition,
  object: unknown,
  include: IncludeObject,
  now: number,
): JsonObject {
  const cells: unknown[] = [valueAt(object, 'metadata.name') ?? '']
  for (const column of kind.columns) {
    if (!isNameOrAge(column))
      cells.push(
        column.render?.(object as KubeObject, now) ?? cellOf(valueAt(object, column.path), column, now),
      )
  }
  cells.push(ageOf(valueAt(object, 'metadata.creationTimestamp'), now))
  switch (include) {
    case 'None':
      return { cells }
    case 'Metadata':
      return { cells, object: partialMetadata(object) }
    case 'Object':
      return { cells, object }
  }
}

/** @returns a `Table`; without `columns` for all but the first event of a watch */
export function table(
  listMetadata: JsonObject,
  rows: readonly JsonObject[],
  columns: readonly JsonObject[],
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: columns,
    rows,
  }
}

function cellOf(value: unknown, column: PrinterColumn, now: number): unknown {
  if (value === undefined || value === null) return null
  if (column.type === 'date') return ageOf(value, now)
  if (Array.isArray(value)) {
    return value.map((item) => (typeof item === 'object' ? JSON.stringify(item) : String(item))).join(',')
  }
  if (typeof value === 'object') {
    // Quantities with an amount and a unit and the like: the members of a flat object read well enough.
    return JSON.stringify(value)
  }
  return column.type === 'integer' ? value : String(value as string | number | boolean)
}

function ageOf(value: unknown, now: number): string {
  const then = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(then) ? '<unknown>' : humanDuration(now - then)
}

/** @returns the `metadata` of a list or of an object that a table repeats */
export function listMetadataOf(object: unknown): JsonObject {
  return { resourceVersion: member(member(object, 'metadata'), 'resourceVersion') ?? '' }
}
