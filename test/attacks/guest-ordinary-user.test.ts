/**
 * A guest tries to get at the files of an ordinary user who runs a node: as a process it is that user, whatever the
 * modes of his files say.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { whySandboxCannot } from '../support/sandboxes.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const isRoot = process.getuid?.() === 0
const cannot = isRoot ? await whySandboxCannot() : 'only root can become another user'
const OWNER = '54321'
const child = join(import.meta.dirname, '../support/guest-child.ts')
const home = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
const node = join(home, 'node')
const secret = join(home, 'secret')
const key = join(node, 'key')
const startup = join(home, '.bashrc')
mkdirSync(node)
for (const path of [secret, key]) writeFileSync(path, 'the-secret', { mode: 0o600 })
chmodSync(home, 0o700)
if (isRoot) execFileSync('chown', ['-R', `${OWNER}:${OWNER}`, home])
afterAll(() => rmSync(home, { recursive: true, force: true }))

function asGuestOfOwner(runner: 'sandbox' | 'process', script: string): string {
  const directory = join(node, 'fabric')
  const become = [`--reuid=${OWNER}`, `--regid=${OWNER}`, '--clear-groups', '--']
  const command = [process.execPath, child, runner, directory, script]
  const env = { PATH: process.env.PATH ?? '', HOME: home }
  return execFileSync('setpriv', [...become, ...command], { env, encoding: 'utf8', timeout: 50_000 }).trim()
}

const reads = (path: string) => ({
  defended: async () => read('sandbox', path),
  control: async () => read('process', path),
  stoppedBy: /No such file/,
  cannot,
})

function read(runner: 'sandbox' | 'process', path: string): Tried {
  const saw = asGuestOfOwner(runner, `cat ${path} 2>&1`)
  return saw.includes('the-secret') ? succeeded(saw) : failed(saw)
}

function write(runner: 'sandbox' | 'process'): Tried {
  rmSync(startup, { force: true })
  const saw = asGuestOfOwner(runner, `(echo evil > ${startup}) 2>&1`)
  return existsSync(startup) ? succeeded('written') : failed(saw)
}

attack('a guest reads a file that only the user who runs the node may read', reads(secret))
attack("a guest reads the node's key", reads(key))
attack('a guest writes into the home of the user who runs the node', {
  defended: async () => write('sandbox'),
  control: async () => write('process'),
  stoppedBy: /nonexistent|No such file|Directory/i,
  cannot,
})
