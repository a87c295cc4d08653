/**
 * A program of its own that runs a shell script as a guest, and shows what it says: to be started as another user.
 * Arguments: `sandbox` or `process`, a directory of this user, the script.
 */
import { createServer } from 'node:net'
import { ProcessRunner, SandboxRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { podToRun } from './pod-to-run.ts'

// Keeps this program alive: the timers of the runner do not, as a daemon has listeners.
const alive = createServer().listen(0, '127.0.0.1')
const [kind = '', directory = '', script = ''] = process.argv.slice(2)
const common = { directory, system: realSystem, log: silentLog }
const runner =
  kind === 'process' ? new ProcessRunner(common) : new SandboxRunner({ ...common, diskBytes: 16 << 20 })
await runner.start()
const pod = await runner.makePod(podToRun())
const container = await pod.run({
  id: 'guest',
  name: 'main',
  command: ['sh', '-c', script],
  env: { PATH: pod.path ?? '' },
  mounts: [],
  security: {},
  limits: {},
  output: (chunk) => {
    process.stdout.write(chunk)
  },
})
await container.exited
await runner.stop()
alive.close()
