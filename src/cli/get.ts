/**
 * `tributary get`: objects as tables, JSON, YAML or names; once, or as they change.
 */
import { type ApiResource, discover, objectName, pathOf } from './api-resource.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note, print } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { addNamespaceOptions, examples, optionsOf, type OutputFormat, outputOption } from './options.ts'
import { encodeAs, type FoundObject, type NamedObject, printObjects } from './print-objects.ts'
import { hasNodeIds, peerNames, withNodeNames } from './peer-names.ts'
import { cellText } from './printable.ts'
import { parseTargets, type Target } from './targets.ts'
import { columnWidths, formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'
import { watchObjects } from './watch-objects.ts'

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

interface GetOptions {
  readonly allNamespaces?: boolean
  readonly selector?: string
  readonly fieldSelector?: string
  readonly watch?: boolean
  readonly showHeaders?: boolean
  readonly headers?: boolean
  readonly output?: OutputFormat
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority?: number }[]
  readonly rows: readonly {
    readonly cells: readonly unknown[]
    readonly object?: { readonly metadata?: { readonly name?: string; readonly namespace?: string } }
  }[]
}

export const getVerb: Verb = (program, context) => {
  const command = program
    .command('get <kind[,kind]> [name...]')
    .description('show objects: intents, flavors, contracts, nodes, pods, …')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only those with the labels, for example app=web,tier!=test')
    .option('--field-selector <fields>', 'only those with the fields, for example metadata.name=hello')
    .option('-w, --watch', 'go on with every change')
    .option('--no-headers', 'without the line of column names')
    .addOption(outputOption(['json', 'yaml', 'wide', 'name']))
    .addHelpText(
      'after',
      examples(
        ['tributary get intents', 'what was asked for, and where it runs'],
        ['tributary get flavors,pools', 'what this node sells'],
        ['tributary get peeringcandidates -o wide', "others' offers, with all columns"],
        ['tributary get contract NAME -o yaml', 'all of one object'],
        ['tributary get pods -A -w', 'pods of all namespaces, as they change'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [kind, names] = args as [string, string[]]
      await get(context, [kind, ...names], optionsOf(commandOf(args)))
    })
  addNamespaceOptions(command)
}

async function get(
  context: Context,
  words: readonly string[],
  options: GetOptions & { dir?: string; server?: string; namespace?: string },
): Promise<void> {
  const client = connect(context, options)
  try {
    const targets = parseTargets(await discover(client), words)
    const namespace = options.allNamespaces ? undefined : (options.namespace ?? 'default')
    const named = targets.some(({ name }) => name !== undefined)
    if (named && options.allNamespaces) {
      throw new CliError('a name is unique within a namespace only: leave out -A', EXIT.usage)
    }
    if (options.watch) {
      if (targets.length !== 1)
        throw new CliError('only one kind, or one object, can be watched at a time', EXIT.usage)
      await watch(context, client, targets[0]!, namespace, options)
      return
    }
    const { output } = options
    if (output === 'json' || output === 'yaml' || output === 'name') {
      const found = await Promise.all(
        targets.map((target) => fetchObjects(client, target, namespace, options)),
      )
      printObjects(context, output, found.flat(), named && targets.length === 1)
      return
    }
    await printTables(context, client, targets, namespace, options)
  } finally {
    client.close()
  }
}

function selectors({ selector, fieldSelector }: GetOptions): Record<string, string | undefined> {
  return { labelSelector: selector, fieldSelector }
}

async function fetchObjects(
  client: ControlClient,
  { resource, name }: Target,
  namespace: string | undefined,
  options: GetOptions,
): Promise<readonly FoundObject[]> {
  if (name !== undefined)
    return [{ resource, object: await client.get<NamedObject>(pathOf(resource, namespace, name)) }]
  const list = await client.get<{ items: readonly NamedObject[] }>(pathOf(resource, namespace), {
    query: selectors(options),
  })
  return list.items.map((object) => ({ resource, object }))
}

async function printTables(
  context: Context,
  client: ControlClient,
  targets: readonly Target[],
  namespace: string | undefined,
  options: GetOptions,
): Promise<void> {
  const tables = await Promise.all(
    targets.map(({ resource, name }) =>
      client.get<Table>(pathOf(resource, namespace, name), {
        accept: TABLE,
        query: name === undefined ? selectors(options) : {},
      }),
    ),
  )
  // Objects of one kind that were named one by one are one table.
  const byResource = Map.groupBy(
    targets.map(({ resource }, index) => ({ resource, table: tables[index]! })),
    ({ resource }) => resource,
  )
  const several = byResource.size > 1
  let printed = 0
  for (const [resource, parts] of byResource) {
    const rows = parts.flatMap(({ table }) => table.rows)
    if (rows.length === 0) continue
    if (printed++ > 0) print(context, '')
    const columns = parts[0]!.table.columnDefinitions
    const cells = cellsOf({ columnDefinitions: columns, rows }, resource, namespace, options, several)
    const lines = await readable(cells, client, options)
    print(context, ...formatTable(options.headers === false ? lines.slice(1) : lines))
  }
  if (printed === 0) {
    const kinds = [...byResource.keys()]
    const where =
      namespace === undefined || kinds.every(({ namespaced }) => !namespaced)
        ? ''
        : ` in namespace ${namespace}`
    note(context, `No ${kinds.map(({ plural }) => plural).join(', ')} found${where}.`)
  }
}

/** @returns the header and the rows, with the columns that the options ask for */
function cellsOf(
  { columnDefinitions, rows }: Table,
  resource: ApiResource,
  namespace: string | undefined,
  { output }: GetOptions,
  prefixed: boolean,
): string[][] {
  const shown = columnDefinitions
    .map((_, index) => index)
    .filter((index) => {
      return output === 'wide' || (columnDefinitions[index]!.priority ?? 0) === 0
    })
  const withNamespace = namespace === undefined && resource.namespaced
  const header = shown.map((index) => columnDefinitions[index]!.name.toUpperCase())
  return [
    withNamespace ? ['NAMESPACE', ...header] : header,
    ...rows.map(({ cells, object }) => {
      const texts = shown.map((index) => cellText(cells[index]))
      if (prefixed && texts[0] !== undefined) texts[0] = objectName(resource, texts[0])
      return withNamespace ? [object?.metadata?.namespace ?? '', ...texts] : texts
    }),
  ]
}

/** @returns the cells with names of nodes for their ids; in wide tables, ids that stand alone stay whole */
async function readable(
  cells: readonly string[][],
  client: ControlClient,
  { output }: GetOptions,
): Promise<readonly string[][]> {
  if (!cells.some((row) => row.some(hasNodeIds))) return cells
  const names = await peerNames(client)
  return cells.map((row) =>
    row.map((cell) => (output === 'wide' && !cell.includes(' ') ? cell : withNodeNames(cell, names))),
  )
}

/** Prints what there is, then a line (or document) per change, until Ctrl-C. */
async function watch(
  context: Context,
  client: ControlClient,
  { resource, name }: Target,
  namespace: string | undefined,
  options: GetOptions,
): Promise<void> {
  const { output } = options
  const asTable = output === undefined || output === 'wide'
  const query = name === undefined ? selectors(options) : { fieldSelector: `metadata.name=${name}` }
  const collection = pathOf(resource, namespace)
  let columns: Table['columnDefinitions'] = []
  let widths: number[] = []
  let pending: string[][] | undefined = []
  let withHeader = options.headers !== false
  const flush = (rows: readonly string[][]): void => {
    widths = columnWidths(rows, widths)
    print(context, ...formatTable(rows, { widths }))
  }
  for await (const change of watchObjects(context, client, collection, {
    signal: context.signal,
    query,
    ...(asTable ? { accept: TABLE } : {}),
  })) {
    switch (change.type) {
      case 'RESTARTED':
        break
      case 'SYNCED':
        // What there was is one table; from here on a line per change.
        if (pending && pending.length > 0) flush(pending)
        pending = undefined
        break
      default: {
        if (!asTable) {
          if (output === 'name')
            print(context, objectName(resource, (change.object as NamedObject).metadata.name))
          else context.stdout.write(`${output === 'yaml' ? '---\n' : ''}${encodeAs(output, change.object)}`)
          break
        }
        const table = change.object as Table
        if (table.columnDefinitions.length > 0) columns = table.columnDefinitions
        const [header, ...rows] = await readable(
          cellsOf({ columnDefinitions: columns, rows: table.rows }, resource, namespace, options, false),
          client,
          options,
        )
        const lines = withHeader ? [header!, ...rows] : rows
        withHeader = false
        if (pending) pending.push(...lines)
        else flush(lines)
      }
    }
  }
}
