/**
 * Writes the page that says how long the objects of each kind stay, from the definitions of the kinds, which is what
 * the controller goes by.
 *
 *   npm run docs         writes docs/retention.md
 *   npm run docs:check   fails when the committed page says something else
 */
import type { KindDefinition } from '../src/objects/kind.ts'
import { ALL_KINDS } from '../src/objects/index.ts'
import { DAY_MS, DEFAULT_RETENTION, HOUR_MS } from '../src/objects/retention.ts'
import { writeOrCheck } from './generated-pages.ts'

const SETTINGS = { contractsMs: 'contracts', factsMs: 'facts', eventsMs: 'events', traces: 'traces' } as const

function howLong({ kind, retention }: KindDefinition): string {
  if (retention === undefined) throw new Error(`${kind} does not state how long its objects stay`)
  switch (retention.mode) {
    case 'kept':
      return `until it is removed: ${retention.why}`
    case 'owned':
      return `as long as the ${retention.by} that owns it`
    case 'component':
      return `until ${retention.until} (${retention.by})`
    case 'count':
      return `the latest ${DEFAULT_RETENTION.traces.toLocaleString('en')} (\`retention.${SETTINGS[retention.setting]}\`)`
    case 'age':
    case 'archive': {
      const ms = DEFAULT_RETENTION[retention.setting]
      const text = ms % DAY_MS === 0 ? `${ms / DAY_MS}d` : `${ms / HOUR_MS}h`
      const drops = retention.mode === 'archive' ? `; meanwhile without ${retention.drops}` : ''
      const sum = retention.summedInto === undefined ? '' : `; then summed into its ${retention.summedInto}`
      return `${text} (\`retention.${SETTINGS[retention.setting]}\`) from ${retention.from}${drops}${sum}`
    }
  }
}

const page = [
  '# How long things are kept',
  '',
  '<!-- Made by `npm run docs` from the definitions in src/objects. Do not edit. -->',
  '',
  'Nothing that a node makes by itself grows without an end. Each kind states how long its objects stay, and one',
  'controller keeps what the kinds state; durations and numbers in brackets are set in `config.yaml`.',
  '',
  '| kind | is kept |',
  '| --- | --- |',
  ...ALL_KINDS.map((kind) => `| ${kind.kind} | ${howLong(kind)} |`),
  '',
  'What a contract proves stays with it until its end here: the document with both signatures and the closing statement,',
  'as they were signed, and of the RESERVE that it came of what is not in the document. Until then a message of the other',
  'side that comes again gets the answer that it got before: RESERVE under the same key, PURCHASE, the reading of the',
  'contract, and the closing statement. Afterwards the contract is not known here any more: RESERVE is a new one, the',
  'others are answered `contract-not-found` or `transaction-not-found`. The same goes for a contract that the user',
  'deletes. A hold that ended without being bought leaves nothing: RESERVE under its key holds anew.',
  '',
]

writeOrCheck('docs', { 'retention.md': page.join('\n') }, 'the definitions of the kinds')
