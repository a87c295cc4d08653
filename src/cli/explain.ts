/**
 * `tributary explain`: what a kind and its fields mean, from the API's own description.
 */
import { closest } from '../kernel/closest.ts'
import { type ApiResource, apiVersionOf, discover, resolveResource } from './api-resource.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, print } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { addClientOptions, examples, type GlobalOptions, optionsOf } from './options.ts'
import { styleFor } from './style.ts'
import { commandOf, type Verb } from './verb.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly pattern?: string
  readonly allOf?: readonly Schema[]
  readonly $ref?: string
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[]
}

interface Document {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

export const explainVerb: Verb = (program, context) => {
  const command = program
    .command('explain <kind[.field]>')
    .description('what a kind and its fields mean')
    .addHelpText(
      'after',
      examples(
        ['tributary explain intent', 'the kind'],
        ['tributary explain intent.spec.requirements', 'one of its fields'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [word] = args as [string]
      await explain(context, word, optionsOf(commandOf(args)))
    })
  addClientOptions(command)
}

async function explain(context: Context, word: string, options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const [kind = '', ...path] = word.split('.')
    const resource = resolveResource(await discover(client), kind)
    const { schemas, root } = await schemaOf(client, resource)
    const style = styleFor(context, context.stdout)
    let schema = resolved(root, schemas)
    const walked: string[] = []
    for (const name of path) {
      const members = membersOf(schema, schemas)
      const next = members[name] ?? freeMember(schema, schemas)
      if (!next) {
        const hint = closest(name, Object.keys(members))
        throw new CliError(
          `${resource.kind} has no field ${[...walked, name].join('.')}${hint ? `; did you mean "${hint}"?` : ''}`,
          EXIT.notFound,
        )
      }
      schema = resolved(next, schemas)
      walked.push(name)
    }
    print(
      context,
      `${style.bold('KIND:')}     ${resource.kind}`,
      `${style.bold('VERSION:')}  ${apiVersionOf(resource)}`,
    )
    if (walked.length > 0)
      print(context, `${style.bold('FIELD:')}    ${walked.join('.')} <${typeText(schema, schemas)}>`)
    print(context, '', `${style.bold('DESCRIPTION:')}`, `    ${schema.description ?? '(none)'}`)
    if (schema.enum) print(context, `    One of: ${schema.enum.join(', ')}`)
    if (schema.default !== undefined) print(context, `    Default: ${JSON.stringify(schema.default)}`)
    const members = Object.entries(membersOf(schema, schemas))
    if (members.length === 0) return
    const required = new Set(contentOf(schema, schemas).required ?? [])
    print(context, '', style.bold('FIELDS:'))
    for (const [name, member] of members) {
      const inside = resolved(member, schemas)
      const mark = required.has(name) ? style.yellow(' -required-') : ''
      print(context, `  ${style.cyan(name)}  <${typeText(inside, schemas)}>${mark}`)
      if (inside.description) print(context, `      ${inside.description}`)
      if (inside.enum) print(context, `      One of: ${inside.enum.join(', ')}`)
      if (inside.default !== undefined) print(context, `      Default: ${JSON.stringify(inside.default)}`)
    }
  } finally {
    client.close()
  }
}

async function schemaOf(client: ControlClient, resource: ApiResource) {
  const { group, version, kind } = resource
  const root = group === '' ? `api/${version}` : `apis/${group}/${version}`
  const document = await client.get<Document>(`/openapi/v3/${root}`)
  const schemas = document.components?.schemas ?? {}
  const found = Object.values(schemas).find((schema) =>
    schema['x-kubernetes-group-version-kind']?.some(
      (each) => each.group === group && each.version === version && each.kind === kind,
    ),
  )
  if (!found) throw new CliError(`the node does not describe ${kind}`, EXIT.notFound)
  return { schemas, root: found }
}

type Schemas = Readonly<Record<string, Schema>>

/** Follows references; what stands beside one (a description) wins. */
function resolved(schema: Schema, schemas: Schemas): Schema {
  const target = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]!.$ref : undefined)
  if (target === undefined) return schema
  const found = schemas[target.replace('#/components/schemas/', '')]
  if (!found) return schema
  const { $ref: _ref, allOf: _allOf, ...own } = schema
  return resolved({ ...found, ...own }, schemas)
}

/** Of a list its items. */
function contentOf(schema: Schema, schemas: Schemas): Schema {
  const plain = resolved(schema, schemas)
  return plain.items ? contentOf(plain.items, schemas) : plain
}

function membersOf(schema: Schema, schemas: Schemas): Readonly<Record<string, Schema>> {
  return contentOf(schema, schemas).properties ?? {}
}

function freeMember(schema: Schema, schemas: Schemas): Schema | undefined {
  const { additionalProperties } = contentOf(schema, schemas)
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

function typeText(schema: Schema, schemas: Schemas): string {
  const plain = resolved(schema, schemas)
  if (plain.items) return `[]${typeText(plain.items, schemas)}`
  if (typeof plain.additionalProperties === 'object')
    return `map[string]${typeText(plain.additionalProperties, schemas)}`
  return plain.type ?? 'any'
}
