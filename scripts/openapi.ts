/**
 * Writes the OpenAPI document of REAR from the route table that the node serves, so that a change of the
 * protocol is seen in review.
 *
 *   npm run openapi         writes docs/api/rear.openapi.json
 *   npm run openapi:check   fails when the committed file says something else
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rearRouteTable } from './route-table.ts'
import { openApiDocument } from '../src/rear/openapi.ts'
import { VERSION } from '../src/version.ts'

const NAME = 'docs/api/rear.openapi.json'
const file = fileURLToPath(new URL(`../${NAME}`, import.meta.url))
const served = `${JSON.stringify(openApiDocument(rearRouteTable(), VERSION), null, 2)}\n`

if (process.argv.includes('--check')) {
  const difference = firstDifference(committed(), served)
  if (difference) {
    console.error(`${NAME} does not describe the routes that are served.\n${difference}`)
    console.error('If the change is meant, run `npm run openapi` and commit the file.')
    process.exitCode = 1
  }
} else {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, served)
  console.log(`wrote ${NAME}`)
}

/** @returns the file's text, empty when there is none */
function committed(): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** @returns the first line that differs, in words; undefined when none does */
function firstDifference(before: string, now: string): string | undefined {
  if (before === now) return undefined
  if (before === '') return 'The file is missing.'
  const old = before.split('\n')
  const fresh = now.split('\n')
  const line = fresh.findIndex((text, index) => text !== old[index])
  const at = line < 0 ? fresh.length : line
  return [
    `Line ${at + 1}:`,
    `  committed: ${old[at] ?? '(end)'}`,
    `  served:    ${fresh[at] ?? '(end)'}`,
  ].join('\n')
}
