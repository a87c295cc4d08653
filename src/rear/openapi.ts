/**
 * The OpenAPI 3.1 document of REAR, made from the very route table that is served.
 */
import type { TSchema } from 'typebox'
import { ProblemSchema, PROBLEMS } from './problem.ts'
import type { Route, RouteAccess } from './route.ts'

type Json = Record<string, unknown>

const WHO_MAY: Readonly<Record<RouteAccess, string>> = {
  anyone: 'Anybody may call.',
  known: 'For nodes that are known here or vouched for.',
  accepted: 'For nodes that were accepted as partners.',
  party: 'For the parties to what the path names.',
}

/** Keywords of the codec; they mean nothing to others. */
const PRIVATE_KEYWORDS = new Set([
  'x-omit-empty',
  'x-quantity',
  'x-verbatim',
  'x-text',
  'x-time',
  'x-price',
  'x-discriminator',
  'x-aliases',
  'x-kubernetes-preserve-unknown-fields',
])

/**
 * @param routes the table that is served
 * @param version the program's version
 * @returns the document; the same for the same routes, whatever their order
 */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const schemas = new Map<string, unknown>()
  const paths: Record<string, Record<string, unknown>> = {}
  const sorted = routes.toSorted((a, b) => compareText(a.path, b.path) || compareText(a.method, b.method))
  for (const route of sorted) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, schemas) }
  }
  const problem = reference(ProblemSchema, schemas)
  return {
    openapi: '3.1.0',
    info: {
      title: 'REAR',
      version,
      description: 'Resource advertisement and reservation between nodes, over mutual TLS.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => compareText(a, b))),
      responses: {
        Problem: {
          description: problemTable(),
          content: { 'application/problem+json': { schema: problem } },
        },
      },
      securitySchemes: {
        mutualTLS: { type: 'mutualTLS', description: 'The certificate key is the key of the node.' },
      },
    },
    security: [{ mutualTLS: [] }],
  }
}

function operation(route: Route, schemas: Map<string, unknown>): Json {
  const names = [...route.path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!)
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(route.query ?? []).map(({ name, description, schema }) => ({
      name,
      in: 'query',
      description,
      schema: schema ? reference(schema, schemas) : { type: 'string' },
    })),
  ]
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: [route.description, WHO_MAY[route.access]].filter(Boolean).join('\n\n'),
    'x-access': route.access,
    ...(route.access === 'anyone' ? { security: [{}, { mutualTLS: [] }] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.request
      ? {
          requestBody: {
            required: !route.bodyOptional,
            content: { 'application/json': { schema: reference(route.request, schemas) } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.responses).map(([status, { description, schema, headers }]) => [
          status,
          {
            description,
            ...(headers
              ? { headers: mapValues(headers, (of) => headerOf(of as (typeof headers)[string], schemas)) }
              : {}),
            ...(schema ? { content: { 'application/json': { schema: reference(schema, schemas) } } } : {}),
          },
        ]),
      ),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

function headerOf(
  { description, schema }: { readonly description: string; readonly schema: TSchema },
  schemas: Map<string, unknown>,
): Json {
  return { description, schema: reference(schema, schemas) }
}

/** A schema with a title becomes a component; the first one of a title defines it. */
function reference(schema: TSchema | Json, schemas: Map<string, unknown>): unknown {
  const title = (schema as Json)['title']
  if (typeof title !== 'string') return plain(schema as Json, schemas)
  const name = title.replaceAll(/[^A-Za-z0-9._-]/g, '')
  if (!schemas.has(name)) {
    // Reserved first: a schema may contain itself.
    schemas.set(name, {})
    const { default: _default, ...rest } = schema as Json
    schemas.set(name, plain(rest, schemas))
  }
  return { $ref: `#/components/schemas/${name}` }
}

/** Keywords whose value is data, not a schema. */
const DATA_KEYWORDS = new Set(['default', 'enum', 'const', 'examples', 'required'])

function plain(schema: Json, schemas: Map<string, unknown>): Json {
  const result: Json = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'x-time') result['format'] = 'date-time'
    if (PRIVATE_KEYWORDS.has(keyword)) continue
    if (DATA_KEYWORDS.has(keyword)) result[keyword] = value
    else if (keyword === 'properties' || keyword === 'patternProperties' || keyword === '$defs') {
      result[keyword] = mapValues(value as Json, (inner) => reference(inner as Json, schemas))
    } else if (Array.isArray(value)) {
      result[keyword] = value.map((inner: unknown) => (isObject(inner) ? reference(inner, schemas) : inner))
    } else result[keyword] = isObject(value) ? reference(value, schemas) : value
  }
  return result
}

function mapValues(object: Json, change: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function problemTable(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([code, { status, meaning }]) => `| ${status} | \`${code}\` | ${meaning} |`,
  )
  return ['Why the request was refused.', '', '| status | code | meaning |', '|---|---|---|', ...rows].join(
    '\n',
  )
}
