/**
 * A guest tries to get at what belongs to an ordinary user who runs a node: as a process it is that user, whatever the
 * modes of his files say.
 */
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackInEach, guestsForAttacks, isRoot, LOOT, triedBy } from './support/guests.ts'

const run = promisify(execFile)
const guests = await guestsForAttacks()
const cannot = isRoot ? undefined : 'only root can become another user'
const OWNER = 54_321
const child = join(import.meta.dirname, '../support/guest-child.ts')
const home = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
const node = join(home, 'node')
const secret = join(home, 'secret')
const key = join(node, 'node.key')
const startup = join(home, '.bashrc')
const socket = join(node, 'control.sock')
const server = createServer((connection) => connection.on('error', () => {}).end(LOOT))
mkdirSync(node)
for (const path of [secret, key]) writeFileSync(path, LOOT, { mode: 0o600 })
chmodSync(home, 0o700)
if (isRoot) execFileSync('chown', ['-R', `${OWNER}:${OWNER}`, home])
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  chmodSync(socket, 0o600)
  if (!isRoot) return
  chownSync(socket, OWNER, OWNER)
  // The engine's owner lets this user in, as those in its group are.
  if (guests.engineSocket !== undefined) {
    chmodSync(join(guests.engineSocket, '..'), 0o755)
    chmodSync(guests.engineSocket, 0o666)
  }
})
afterAll(() => {
  server.close()
  rmSync(home, { recursive: true, force: true })
})

type Place = 'sandbox' | 'container' | 'process'

async function asGuestOfOwner(place: Place, script: string): Promise<string> {
  const become = [`--reuid=${OWNER}`, `--regid=${OWNER}`, '--clear-groups', '--']
  const what = place === 'container' ? `container:${guests.engineSocket}` : place
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    child,
    what,
    join(node, 'fabric'),
    script,
  ]
  const env = { PATH: process.env['PATH'] ?? '', HOME: home }
  const { stdout } = await run('setpriv', [...become, ...command], { env, timeout: 50_000 })
  return stdout.trim()
}

function attackOnOwner(title: string, script: string, stoppedBy: RegExp): void {
  attackInEach(guests, title, {
    defended: async (place) => triedBy(await asGuestOfOwner(place, script)),
    control: async () => triedBy(await asGuestOfOwner('process', script)),
    stoppedBy,
    cannot,
  })
}

attackOnOwner(
  'a guest reads a file that only the user who runs the node may read',
  `cat ${secret} 2>&1`,
  /No such file/,
)
attackOnOwner("a guest reads the node's key", `cat ${key} 2>&1`, /No such file/)
attackOnOwner(
  'a guest lists the home of the user who runs the node',
  `ls -a ${home} 2>&1 | grep -q secret && echo ${LOOT} || ls ${home} 2>&1`,
  /No such file/,
)
attackOnOwner(
  'a guest connects to the socket of the control API, as the user who runs the node does',
  `node -e 'require("net").connect("${socket}").on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))'`,
  /^ENOENT$/,
)

const writes = async (place: Place): Promise<Tried> => {
  rmSync(startup, { force: true })
  const saw = await asGuestOfOwner(place, `(echo evil > ${startup}) 2>&1`)
  return existsSync(startup) ? succeeded('written') : failed(saw)
}
attackInEach(guests, 'a guest writes into the home of the user who runs the node', {
  defended: writes,
  control: () => writes('process'),
  stoppedBy: /nonexistent|No such file|Directory/i,
  cannot,
})
