/**
 * A program of its own that starts a sandbox with something in it, says so, and waits to be killed; or, with `once`,
 * shows who a guest is and ends. Arguments: directory, and how long to sleep, or `once`.
 */
import { createServer } from 'node:net'
import { GroupBudgets, SandboxRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { podToRun } from './pod-to-run.ts'

// Keeps this program alive: the timers of the runner do not, as a daemon has listeners.
const alive = createServer().listen(0, '127.0.0.1')
const [directory = '', what = ''] = process.argv.slice(2)
const runner = new SandboxRunner({
  directory,
  system: realSystem,
  log: silentLog,
  budgets: new GroupBudgets({ diskBytes: 64 << 20 }),
})
await runner.start()
const pod = await runner.makePod(podToRun())
const container = await pod.run({
  id: 'left-over',
  name: 'main',
  command: what === 'once' ? ['id'] : ['sh', '-c', `setsid sleep ${what} & echo running; wait`],
  env: { PATH: pod.path ?? '' },
  mounts: [],
  security: {},
  limits: {},
  output: (chunk) => {
    process.stdout.write(chunk)
  },
})
if (what === 'once') {
  await container.exited
  await runner.stop()
  alive.close()
}
