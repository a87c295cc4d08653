/**
 * A program of its own that starts a runner and something on it, says so, and waits to be killed: for
 * tests of what comes after a crash. Arguments: directory, `cgroups` or `none`, and how long to sleep, which
 * should be a number that nobody else uses.
 */
import { ProcessRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { podToRun } from './pod-to-run.ts'

const [directory = '', limits = '', seconds = ''] = process.argv.slice(2)
const runner = new ProcessRunner({
  directory,
  system: realSystem,
  log: silentLog,
  cgroups: limits === 'cgroups',
})
await runner.start()
const pod = await runner.makePod(
  podToRun({ uid: 'pod', guest: 'own', group: { id: 'own', limits: {} }, hostname: 'pod', egress: 'all' }),
)
await pod.run({
  id: 'left-over',
  name: 'main',
  command: ['sh', '-c', `setsid sleep ${seconds} & echo running; wait`],
  env: { PATH: process.env.PATH ?? '', MARKER: 'left-over' },
  mounts: [],
  security: {},
  limits: {},
  output: (chunk) => {
    process.stdout.write(chunk)
  },
})
// Keeps this program alive.
process.stdin.resume()
