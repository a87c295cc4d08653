/**
 * A program of its own that runs a shell script as a guest, and shows what it says: to be started as another user.
 * Arguments: `sandbox`, `process`, or `container` with the socket of its engine behind a colon; a directory of this
 * user; the script.
 */
import { createServer } from 'node:net'
import {
  GroupBudgets,
  ContainerRunner,
  ProcessRunner,
  type Runner,
  SandboxRunner,
} from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { runScript } from '../conformance/runner.ts'
import { TEST_IMAGE } from './container-engine.ts'
import { podToRun } from './pod-to-run.ts'

// Keeps this program alive: the timers of the runner do not, as a daemon has listeners.
const alive = createServer().listen(0, '127.0.0.1')
const [what = '', directory = '', script = ''] = process.argv.slice(2)
const [kind, socket = ''] = what.split(':')
const common = { directory, system: realSystem, log: silentLog }
const make = (): Runner => {
  if (kind === 'container')
    return new ContainerRunner({
      ...common,
      sockets: [socket],
      budgets: new GroupBudgets({ diskBytes: 16 << 20 }),
    })
  return kind === 'sandbox'
    ? new SandboxRunner({ ...common, budgets: new GroupBudgets({ diskBytes: 16 << 20 }) })
    : new ProcessRunner(common)
}
const runner = make()
await runner.start()
const pod = await runner.makePod(podToRun({ images: kind === 'container' }))
const { container } = await runScript(pod, script, {
  ...(kind === 'container' && { image: TEST_IMAGE, imagePullPolicy: 'Never' as const }),
  env: { PATH: pod.path ?? '/bin' },
  limits: {},
  output: (chunk) => {
    process.stdout.write(chunk)
  },
})
await container.exited
await runner.stop()
alive.close()
