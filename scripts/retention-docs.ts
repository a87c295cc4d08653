/**
 * Writes the page that says how long the objects of each kind stay, from the definitions of the kinds, which is what
 * the controller goes by.
 *
 *   npm run docs         writes docs/retention.md
 *   npm run docs:check   fails when the committed page says something else
 */
import { ALL_KINDS } from '../src/objects/index.ts'
import { writeOrCheck } from './generated-pages.ts'
import { howLong } from './how-long.ts'

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
