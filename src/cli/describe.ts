/**
 * `tributary describe`: everything about an object that a person wants to know, with what belongs to it.
 */
import type { Considered } from '../objects/solver.ts'
import type { Spending } from '../objects/spending.ts'
import { type ApiResource, discover, pathOf } from './api-resource.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { consideredLines } from './considered-table.ts'
import { type Context, print } from './context.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import { humanSeconds } from './human-time.ts'
import { addNamespaceOptions, examples, type GlobalOptions, optionsOf } from './options.ts'
import { hasNodeIds, peerNames, withNodeNames } from './peer-names.ts'
import { cellText, printable, shorten } from './printable.ts'
import { type Style, styleFor } from './style.ts'
import { spendingLines } from './spending-lines.ts'
import { parseTargets } from './targets.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'
import type { WatchedObject } from './watch-objects.ts'

export const describeVerb: Verb = (program, context) => {
  const command = program
    .command('describe <kind> [name...]')
    .description('all about an object: what is wanted, what is so, its events, the offers considered for it')
    .option('-l, --selector <labels>', 'all of the kind with these labels')
    .addHelpText(
      'after',
      examples(
        ['tributary describe intent hello', 'where it runs and why there'],
        ['tributary describe pool NAME', 'who holds what of it'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [kind, names] = args as [string, string[]]
      await describe(context, [kind, ...names], optionsOf(commandOf(args)))
    })
  addNamespaceOptions(command)
}

interface Surroundings {
  readonly context: Context
  readonly client: ControlClient
  readonly resources: readonly ApiResource[]
  readonly style: Style
}

async function describe(
  context: Context,
  words: readonly string[],
  options: GlobalOptions & { readonly selector?: string },
): Promise<void> {
  const client = connect(context, options)
  try {
    const resources = await discover(client)
    const { namespace = 'default', selector } = options
    const surroundings = { context, client, resources, style: styleFor(context, context.stdout) }
    const targets = parseTargets(resources, words)
    const blocks: (readonly string[])[] = []
    for (const { resource, name } of targets) {
      const at = resource.namespaced ? namespace : undefined
      const objects =
        name === undefined
          ? (
              await client.get<{ items: WatchedObject[] }>(pathOf(resource, at), {
                query: { labelSelector: selector },
              })
            ).items
          : [await client.get<WatchedObject>(pathOf(resource, at, name))]
      for (const object of objects) blocks.push(await describeOne(surroundings, resource, object))
    }
    if (blocks.length === 0) throw new CliError('nothing found', EXIT.notFound)
    const names = blocks.flat().some(hasNodeIds) ? await peerNames(client) : undefined
    blocks.forEach((lines, index) => {
      const shown = lines.map((line) => (WHOLE_ID.test(line) ? line : withNodeNames(line, names)))
      print(context, ...(index > 0 ? ['', '', ...shown] : shown))
    })
  } finally {
    client.close()
  }
}

/** The member that says who somebody is shows the whole id; elsewhere it is to be readable. */
const WHOLE_ID = /^ *Node ID: /

/** Members that say nothing to people, or are shown elsewhere. */
const HIDDEN_ANNOTATIONS = new Set(['kubectl.kubernetes.io/last-applied-configuration'])

async function describeOne(
  surroundings: Surroundings,
  resource: ApiResource,
  object: WatchedObject,
): Promise<readonly string[]> {
  const { context, style } = surroundings
  const { metadata } = object
  const age = (context.system.clock.now() - Date.parse(metadata.creationTimestamp)) / 1000
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([name]) => !HIDDEN_ANNOTATIONS.has(name),
  )
  const rows: [string, string][] = [
    ['Name', style.bold(metadata.name)],
    ...(metadata.namespace === undefined ? [] : [['Namespace', metadata.namespace] as [string, string]]),
    ['Kind', `${resource.kind}${resource.group === '' ? '' : ` (${resource.group})`}`],
    ...pairRows('Labels', Object.entries(metadata.labels ?? {})),
    ...pairRows('Annotations', annotations),
    ['Created', `${metadata.creationTimestamp} (${humanSeconds(age)} ago)`],
    ...(metadata.deletionTimestamp === undefined
      ? []
      : [
          [
            'Deleting',
            `since ${metadata.deletionTimestamp}; held by ${metadata.finalizers?.join(', ') ?? 'nobody'}`,
          ] as [string, string],
        ]),
    ...(metadata.ownerReferences ?? []).map(({ kind, name }, index): [string, string] => [
      index === 0 ? 'Owned by' : '',
      `${kind}/${name}`,
    ]),
  ]
  const lines = rows.map(([label, value]) => `${label === '' ? ' ' : `${label}:`}`.padEnd(14) + value)
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _metadata,
    status,
    ...rest
  } = object as WatchedObject & Record<string, unknown>
  const { conditions, considered, entries, spending, ...statusRest } = (status ?? {}) as Record<
    string,
    unknown
  >
  for (const [name, value] of Object.entries(withSizes(resource, rest))) lines.push(...section(name, value))
  if (Object.keys(statusRest).length > 0) lines.push(...section('status', statusRest))
  if (Array.isArray(entries)) lines.push(...ledger(entries as LedgerEntry[]))
  if (resource.kind === 'Pool') lines.push(...ledger(await entriesOfPool(surroundings, object)))
  if (resource.kind === 'Intent' && spending !== undefined) lines.push(...spendingLines(spending as Spending))
  if (Array.isArray(conditions) && conditions.length > 0)
    lines.push(...conditionLines(conditions as ConditionView[]))
  if (Array.isArray(considered))
    lines.push('Offers considered:', ...consideredLines(considered as Considered[], style, 2))
  if (resource.kind === 'Intent') lines.push(...(await intentExtras(surroundings, object)))
  lines.push(...(await eventLines(surroundings, resource, object)))
  return lines
}

/** Members whose values are bytes, or nobody's business: how long they are says enough. As kubectl describes. */
const SIZES_ONLY: Readonly<Record<string, string>> = { Secret: 'data', ConfigMap: 'binaryData' }

function withSizes(
  { group, kind }: ApiResource,
  members: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const name = group === '' ? SIZES_ONLY[kind] : undefined
  const values = name === undefined ? undefined : members[name]
  if (name === undefined || typeof values !== 'object' || values === null) return members
  const sizes = Object.entries(values).map(([key, value]) => [
    key,
    `${Buffer.from(String(value), 'base64').length} bytes`,
  ])
  return { ...members, [name]: Object.fromEntries(sizes) as unknown }
}

function pairRows(label: string, pairs: readonly (readonly [string, string])[]): [string, string][] {
  return pairs.map(([name, value], index) => [
    index === 0 ? label : '',
    `${printable(name)}=${shorten(printable(value), 120)}`,
  ])
}

/** `findCandidate` → `Find Candidate`, as kubectl describes. */
function title(name: string): string {
  const spaced = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}

/** Texts that are signatures or encoded messages: their length says more than they do. */
const LONGEST_TEXT = 200

function section(name: string, value: unknown): readonly string[] {
  return valueLines(title(name), value, 0)
}

function valueLines(label: string, value: unknown, depth: number): readonly string[] {
  const indent = '  '.repeat(depth)
  if (value === null || value === undefined) return []
  if (label === 'Document' && typeof value === 'object') {
    return [
      `${indent}${label}: the signed message; see it with -o yaml, check it with: tributary contract verify`,
    ]
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return []
    if (value.every((item) => typeof item !== 'object' || item === null)) {
      return [`${indent}${label}: ${value.map((item) => shorten(cellText(item), LONGEST_TEXT)).join(', ')}`]
    }
    return [
      `${indent}${label}:`,
      ...value.flatMap((item: unknown) => {
        const inside = membersLines(item, depth + 2)
        const [first = '', ...more] = inside
        return [`${indent}  - ${first.trimStart()}`, ...more]
      }),
    ]
  }
  if (typeof value === 'object') {
    const inside = membersLines(value, depth + 1, label)
    return inside.length === 0 ? [] : [`${indent}${label}:`, ...inside]
  }
  return textLines(`${indent}${label}:`, String(value as string | number | boolean), indent)
}

/** Members whose own members are data (resources, labels): their names stay as they are. */
const MAPS = new Set([
  'Labels',
  'Annotations',
  'Match Labels',
  'Node Selector',
  'Requests',
  'Limits',
  'Capacity',
  'Allocatable',
  'Free',
  'Amounts',
  'Minimum',
  'Step',
  'Maximum',
  'Access',
  'Data',
  'Binary Data',
])

function membersLines(value: unknown, depth: number, label = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return [`${'  '.repeat(depth)}${cellText(value)}`]
  return Object.entries(value).flatMap(([name, member]) => {
    const isMember = !MAPS.has(label) && /^[a-z]+([A-Z][a-zA-Z0-9]*)*$/.test(name)
    const isGroup = typeof member === 'object'
    return valueLines(isMember || isGroup ? title(name) : printable(name), member, depth)
  })
}

/** A text of several lines (a script) keeps them. */
function textLines(head: string, text: string, indent: string): readonly string[] {
  const lines = text.trimEnd().split('\n')
  if (lines.length === 1) return [`${head} ${shorten(cellText(text), LONGEST_TEXT)}`]
  return [`${head} |`, ...lines.map((line) => `${indent}    ${printable(line)}`)]
}

/** A pool may have very many: who wants to see all lists its shards. */
const MOST_ENTRIES = 100

/** The ledger of a pool is in its shards. */
async function entriesOfPool(
  { client, resources }: Surroundings,
  { metadata: { name, namespace } }: WatchedObject,
): Promise<readonly LedgerEntry[]> {
  const shards = resources.find(({ kind }) => kind === 'PoolShard')
  if (!shards) return []
  const { items } = await client.get<{ items: WatchedObject[] }>(pathOf(shards, namespace), {
    query: { labelSelector: `tributary.io/pool=${name}` },
  })
  return items.flatMap(({ status }) => (status?.['entries'] ?? []) as LedgerEntry[])
}

interface LedgerEntry {
  readonly id: string
  readonly state: string
  readonly contractID: string
  readonly buyer: string
  readonly amounts: Readonly<Record<string, string>>
  readonly expiresAt: string
  readonly active?: boolean
}

function ledger(entries: readonly LedgerEntry[]): readonly string[] {
  if (entries.length === 0) return ['Ledger: nothing is held or allocated']
  const rows = entries
    .slice(0, MOST_ENTRIES)
    .map(({ state, active, amounts, contractID, buyer, expiresAt }) => [
      state === 'allocated' ? (active ? 'active' : 'inactive') : state,
      Object.entries(amounts)
        .map(([name, amount]) => `${name} ${amount}`)
        .join(', '),
      printable(contractID),
      expiresAt,
      printable(buyer),
    ])
  return [
    'Ledger:',
    ...formatTable([['STATE', 'AMOUNTS', 'CONTRACT', 'UNTIL', 'BUYER'], ...rows], { indent: 2 }),
    ...(entries.length > MOST_ENTRIES
      ? [`  and ${entries.length - MOST_ENTRIES} more: tributary get poolshards -o yaml`]
      : []),
  ]
}

interface ConditionView {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

function conditionLines(conditions: readonly ConditionView[]): readonly string[] {
  const rows = conditions.map(({ type, status, reason, message }) =>
    [type, status, reason, message].map(cellText),
  )
  return ['Conditions:', ...formatTable([['TYPE', 'STATUS', 'REASON', 'MESSAGE'], ...rows], { indent: 2 })]
}

/** What was considered for each of its requests, and how to see more. */
async function intentExtras(
  { client, resources, style }: Surroundings,
  intent: WatchedObject,
): Promise<readonly string[]> {
  const lines: string[] = []
  const solvers = resources.find(({ kind }) => kind === 'Solver')
  const requests = (intent.status?.['requests'] ?? []) as readonly { name: string; solver?: string }[]
  for (const { name, solver } of requests) {
    if (solver === undefined || !solvers) continue
    const object = await optional(
      client.get<WatchedObject>(pathOf(solvers, intent.metadata.namespace, solver)),
    )
    const considered = object?.status?.['considered'] as Considered[] | undefined
    if (considered) {
      lines.push(`Offers considered for ${printable(name)}:`, ...consideredLines(considered, style, 2))
    }
  }
  lines.push(`Steps: tributary trace ${intent.metadata.name}`)
  return lines
}

async function optional<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof ApiStatusError && error.code === 404) return undefined
    throw error
  }
}

interface EventView {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly firstTimestamp?: string
  readonly lastTimestamp?: string
  readonly source?: { readonly component?: string }
  readonly reportingComponent?: string
}

async function eventLines(
  { client, resources, context }: Surroundings,
  resource: ApiResource,
  { metadata }: WatchedObject,
): Promise<readonly string[]> {
  const events = resources.find(({ kind, group }) => kind === 'Event' && group === '')
  if (!events || resource.kind === 'Event') return []
  const { items } = await client.get<{ items: readonly EventView[] }>(pathOf(events, metadata.namespace), {
    query: { fieldSelector: `involvedObject.kind=${resource.kind},involvedObject.name=${metadata.name}` },
  })
  if (items.length === 0) return ['Events: none']
  const now = context.system.clock.now()
  const age = (time: string | undefined): string =>
    time === undefined ? '-' : humanSeconds((now - Date.parse(time)) / 1000)
  const rows = items
    .toSorted((a, b) => Date.parse(a.lastTimestamp ?? '') - Date.parse(b.lastTimestamp ?? ''))
    .map((event) => [
      cellText(event.type),
      cellText(event.reason),
      (event.count ?? 1) > 1 ? `${age(event.lastTimestamp)} (x${event.count})` : age(event.lastTimestamp),
      cellText(event.source?.component ?? event.reportingComponent),
      cellText(event.message),
    ])
  return ['Events:', ...formatTable([['TYPE', 'REASON', 'AGE', 'FROM', 'MESSAGE'], ...rows], { indent: 2 })]
}
