/**
 * A program of its own that starts a runner and something on it, says so, and waits to be killed: for
 * tests of what comes after a crash. Arguments: directory, `cgroups` or `none`, and how long to sleep, which
 * should be a number that nobody else uses.
 */
import { ProcessRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'

const [directory = '', limits = '', seconds = ''] = process.argv.slice(2)
const runner = new ProcessRunner({
  directory,
  system: realSystem,
  log: silentLog,
  cgroups: limits === 'cgroups',
})
await runner.start()
const workingDirectory = await runner.makeDirectory('pod', 'own')
await runner.run({
  id: 'left-over',
  group: { id: 'own', limits: {} },
  command: ['sh', '-c', `setsid sleep ${seconds} & echo running; wait`],
  env: { PATH: process.env.PATH ?? '', MARKER: 'left-over' },
  workingDirectory,
  limits: {},
  output: (chunk) => {
    process.stdout.write(chunk)
  },
})
// Keeps this program alive.
process.stdin.resume()
