/** A guest tries to read and write files that are not its own. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackByScript, attackInEach, guestsForAttacks, LOOT, type Place } from './support/guests.ts'

const guests = await guestsForAttacks()
const owners = mkdtempSync(join(tmpdir(), 'tributary-owner-'))
const secret = join(owners, 'secret')
const written = join(owners, 'written')
// Readable and writable by all, so that only the runner can stand in the way, whoever runs this.
chmodSync(owners, 0o777)
writeFileSync(secret, LOOT, { mode: 0o644 })
afterAll(() => rmSync(owners, { recursive: true, force: true }))

attackByScript(
  guests,
  "a guest reads a file of the machine's owner",
  () => `cat ${secret} 2>&1`,
  /No such file/,
)
attackByScript(
  guests,
  "a guest reads a file of the machine's owner through the root of other processes",
  () => `cat /proc/*/root${secret} 2>&1 | tail -3`,
  /No such file/,
)
const writes = async (place: Place): Promise<Tried> => {
  rmSync(written, { force: true })
  const saw = await guests.run(place, `(echo evil > ${written}) 2>&1`)
  return existsSync(written) ? succeeded('written') : failed(saw)
}
attackInEach(guests, "a guest writes into a folder of the machine's owner", {
  defended: writes,
  control: () => writes('process'),
  stoppedBy: /nonexistent|No such file/,
})

/** What one guest left is looked for by the guest of another contract, at the same time. */
async function readsOfNeighbour(place: Place, path: string): Promise<Tried> {
  const victim = await guests.start(place, `echo ${LOOT} > ${path}; chmod 644 ${path}; echo there; sleep 30`)
  try {
    while (!victim.said().includes('there')) await new Promise((resolve) => setImmediate(resolve))
    const saw = await guests.run(place, `cat ${path} 2>&1`)
    return saw.includes(LOOT) ? succeeded(saw) : failed(saw)
  } finally {
    await victim.pod.remove()
    rmSync(path, { force: true })
  }
}
for (const folder of ['/tmp', '/dev/shm']) {
  const path = join(folder, `tributary-neighbour-${process.pid}`)
  attackInEach(guests, `a guest reads what another guest wrote to ${folder}`, {
    defended: (place) => readsOfNeighbour(place, path),
    control: () => readsOfNeighbour('process', path),
    stoppedBy: /No such file/,
  })
}

/** What one guest wrote is looked for by the guest of another contract after the first contract's end. */
async function readsWhatIsLeft(place: Place, path: string): Promise<Tried> {
  const group = { id: 'contract-that-ends', limits: { diskBytes: 8 << 20 } }
  try {
    const first = await guests.run(place, `echo ${LOOT} > ${path} && chmod 644 ${path}`, { pod: { group } })
    if (first !== '') return failed(first)
    await (await guests.runner(place)).removeGroup(group.id)
    const saw = await guests.run(place, `cat ${path} 2>&1`)
    return saw.includes(LOOT) ? succeeded(saw) : failed(saw)
  } finally {
    rmSync(path, { force: true })
  }
}
for (const folder of ['/tmp', '/dev/shm']) {
  const path = join(folder, `tributary-left-${process.pid}`)
  attackInEach(guests, `a guest leaves a file in ${folder} after its contract`, {
    defended: (place) => readsWhatIsLeft(place, path),
    control: () => readsWhatIsLeft('process', path),
    stoppedBy: /No such file/,
  })
}
