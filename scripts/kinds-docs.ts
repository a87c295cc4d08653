/**
 * Writes the page that says of each kind who writes what of it, what a viewer reads, and how long it is kept, from the
 * definitions of the kinds, which is what the control API goes by.
 *
 *   npm run docs         writes docs/kinds.md
 *   npm run docs:check   fails when the committed page says something else
 */
import { ALL_KINDS } from '../src/objects/index.ts'
import type { KindDefinition } from '../src/objects/kind.ts'
import { writeOrCheck } from './generated-pages.ts'
import { howLong } from './how-long.ts'

function whoWrites({ kind, writable, statusSubresource }: KindDefinition): string {
  if (writable === undefined) throw new Error(`${kind} does not state who writes it`)
  if (writable.by === 'node') {
    const { why, instead, deletable } = writable
    const text = `the node: it is ${why}${instead === undefined ? '' : `; ${instead}`}`
    return deletable === true ? `${text} (an admin may delete it)` : text
  }
  const { except, reserved = [] } = writable
  return [
    `an admin${statusSubresource ? ', but for its status' : ''}`,
    ...(except === undefined ? [] : [`not ${except.verbs.join(', ')}: it is ${except.why}`]),
    ...reserved.map(
      ({ what, instead }) => `not ${what.replace(/,$/, '')}${instead === undefined ? '' : ` (${instead})`}`,
    ),
  ].join('; ')
}

function viewerReads({ confidential, confidentialFields = [] }: KindDefinition): string {
  if (confidential === true) return 'nothing'
  if (confidentialFields.length === 0) return 'all'
  return `all but ${confidentialFields.map((path) => `\`${path.join('.')}\``).join(', ')}`
}

const page = [
  '# Who writes and reads what',
  '',
  '<!-- Made by `npm run docs` from the definitions in src/objects. Do not edit. -->',
  '',
  "What the control API lets its callers do to each kind. An *admin* is who opens the socket in the node's directory, or has",
  'a token of that role; a *viewer* has a token that only looks. What is refused is answered 403 with the reason, admin and',
  "socket included. The node's own finalizers (`tributary.io/…`) are taken off by the node alone, of every kind.",
  '',
  '| kind | is written by | a viewer reads | is kept |',
  '| --- | --- | --- | --- |',
  ...ALL_KINDS.map(
    (kind) => `| ${kind.kind} | ${whoWrites(kind)} | ${viewerReads(kind)} | ${howLong(kind)} |`,
  ),
  '',
]

writeOrCheck('docs', { 'kinds.md': page.join('\n') }, 'the definitions of the kinds')
