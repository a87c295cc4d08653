/**
 * Writes one page for each life cycle, with its diagram and its events, from the tables that the controllers move
 * objects by. So the pages cannot say anything else than what happens.
 *
 *   npm run docs         writes docs/lifecycles/KIND.md
 *   npm run docs:check   fails when a committed page says something else
 */
import { LIFECYCLES } from '../src/objects/lifecycles/index.ts'
import { GONE, NEW, type Lifecycle } from '../src/objects/lifecycles/lifecycle.ts'
import { writeOrCheck } from './generated-pages.ts'

interface Move {
  readonly from: string
  readonly event: string
  readonly to: string
}

function movesOf({ moves }: Lifecycle): readonly Move[] {
  return Object.entries(moves).flatMap(([from, row]) =>
    Object.entries(row).map(([event, to]) => ({ from, event, to: to! })),
  )
}

/** @returns one arrow for each pair of states, with all events that lead from the one to the other */
function arrows(table: Lifecycle): readonly string[] {
  const events = new Map<string, string[]>()
  for (const { from, event, to } of movesOf(table)) {
    const arrow = `  ${from === NEW ? '[*]' : from} --> ${to === GONE ? '[*]' : to}`
    events.set(arrow, [...(events.get(arrow) ?? []), event])
  }
  return [
    ...[...events].map(([arrow, names]) => `${arrow}: ${names.join(', ')}`),
    ...table.terminal.map((state) => `  ${state} --> [*]`),
  ]
}

function pageOf(table: Lifecycle, file: string): string {
  const moves = movesOf(table)
  const ways = (of: string): string =>
    moves
      .filter(({ event }) => event === of)
      .map(({ from, to }) => (from === to ? `stays ${to}` : `${from} → ${to}`))
      .join(', ')
  return [
    `# The life of a ${table.kind}`,
    '',
    `<!-- Made by \`npm run docs\` from src/objects/lifecycles/${file}.ts. Do not edit. -->`,
    '',
    `${table.description} Its state stands in \`${table.field}\`.`,
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...arrows(table),
    '```',
    '',
    '| state | meaning |',
    '| --- | --- |',
    ...Object.entries(table.states).map(([state, meaning]) => `| ${state} | ${meaning} |`),
    '',
    '| event | by | what happened | moves |',
    '| --- | --- | --- | --- |',
    ...Object.entries(table.events).map(
      ([event, { by, meaning }]) => `| ${event} | ${by} | ${meaning} | ${ways(event)} |`,
    ),
    '',
    'Every other move is refused and logged; the object stays as it is.',
    '',
  ].join('\n')
}

const fileOf = ({ kind }: Lifecycle): string => kind.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()

writeOrCheck(
  'docs/lifecycles',
  Object.fromEntries(LIFECYCLES.map((table) => [`${fileOf(table)}.md`, pageOf(table, fileOf(table))])),
  'src/objects/lifecycles',
)
