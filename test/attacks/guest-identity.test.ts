/** A guest tries to become another guest. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Identities } from '../../src/fabric/embedded/index.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const directory = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const VICTIM = 'contract-of-the-victim'
/** What the user of a group once was. */
const hashed = (group: string): number =>
  200_000 + (Number.parseInt(createHash('sha256').update(group).digest('hex').slice(0, 8), 16) % 2_000)

function grind(userOf: (group: string) => number, tries: number): Tried {
  const wanted = userOf(VICTIM)
  for (let count = 0; count < tries; count++) {
    if (userOf(`contract-${count}`) === wanted) return succeeded(`user ${wanted} after ${count} tries`)
  }
  return failed(`not the user ${wanted} in ${tries} tries`)
}

attack("a buyer tries contract ids until its programs get the victim's user", {
  defended: async () => {
    const identities = new Identities(directory, join(directory, 'claims'))
    return grind((group) => identities.of(group), 300)
  },
  control: async () => grind(hashed, 100_000),
  stoppedBy: /not the user/,
})
