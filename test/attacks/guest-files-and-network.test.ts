/** A guest tries to get at the machine that it runs on: in a sandbox, and, as control, as an ordinary process. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { ProcessRunner, type Runner, SandboxRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { runScript } from '../conformance/runner.ts'
import { podToRun } from '../support/pod-to-run.ts'
import { whySandboxCannot } from '../support/sandboxes.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const cannot = await whySandboxCannot()
const directory = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
const common = { directory, system: realSystem, log: silentLog }
const secret = join(directory, 'secret')
/** Abstract sockets belong to a network, not to a file system. */
const abstract = `tributary-attack-${process.pid}`
let onLoopback: Server
let onAbstract: Server
let port = 0

beforeAll(async () => {
  // Readable by all, so that only the sandbox can stand in the way, whoever runs this.
  chmodSync(directory, 0o755)
  writeFileSync(secret, 'the-secret', { mode: 0o644 })
  const greet = (): Server => createServer((socket) => socket.end('the-secret'))
  onLoopback = greet()
  onAbstract = greet()
  await new Promise<void>((resolve) => onLoopback.listen(0, '127.0.0.1', resolve))
  await new Promise<void>((resolve) => onAbstract.listen(`\0${abstract}`, resolve))
  port = (onLoopback.address() as { port: number }).port
})
afterAll(() => {
  onLoopback.close()
  onAbstract.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Runs the script as a guest, `node -e` in a pod. */
async function asGuest(runner: Runner, script: string): Promise<Tried> {
  await runner.start()
  try {
    const pod = await runner.makePod(podToRun())
    const { container, said } = await runScript(pod, '', {
      command: ['node', '-e', script],
      env: { PATH: pod.path ?? '' },
      limits: {},
    })
    await container.exited
    const saw = said().trim()
    return saw.includes('the-secret') ? succeeded(saw) : failed(saw)
  } finally {
    await runner.stop()
  }
}

const sandbox = (script: () => string) => () =>
  asGuest(new SandboxRunner({ ...common, diskBytes: 16 << 20 }), script())
const process_ = (script: () => string) => () => asGuest(new ProcessRunner(common), script())
const both = (script: () => string, stoppedBy: RegExp): Parameters<typeof attack>[1] => ({
  defended: sandbox(script),
  control: process_(script),
  stoppedBy,
  cannot,
})
const dial = (to: string): string =>
  `require('net').connect(${to}).on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code))`

attack(
  "a guest reads a file of the machine's owner",
  both(
    () =>
      `try { console.log(require('fs').readFileSync(${JSON.stringify(secret)}, 'utf8')) } catch (e) { console.log(e.code) }`,
    /^ENOENT$/,
  ),
)
attack(
  "a guest connects to what listens on the host's loopback",
  both(() => dial(`{ host: '127.0.0.1', port: ${port} }`), /^ECONNREFUSED$/),
)
attack(
  'a guest connects to an abstract Unix socket of the host',
  both(() => dial(`{ path: '\\0${abstract}' }`), /^ECONNREFUSED$/),
)
attack(
  'a guest makes a user namespace, to get at what only root may do',
  both(
    () =>
      `console.log(require('child_process').spawnSync('unshare', ['-U', 'echo', 'the-secret'], { encoding: 'utf8' }).output.join(' '))`,
    /unshare failed/,
  ),
)
