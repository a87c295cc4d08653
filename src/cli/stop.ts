/**
 * `tributary stop`: ends the node that runs in a directory, gracefully.
 */
import { sleep } from '../kernel/system.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Context, print } from './context.ts'
import { isRunning, readEndpoints, resolveDirectory } from './node-directory.ts'
import { addDirOptions, examples, type GlobalOptions, optionsOf } from './options.ts'
import { commandOf, type Verb } from './verb.ts'

/** A node stops within five seconds by itself. */
const WITHIN_MS = 8_000
const POLL_MS = 50

export const stopVerb: Verb = (program, context) => {
  const command = program
    .command('stop')
    .description('end the node that runs in a directory, and wait until it has ended')
    .addHelpText('after', examples(['tributary stop --dir ./alpha', 'as Ctrl-C where it was started']))
    .action(async (...args: unknown[]) => stop(context, optionsOf(commandOf(args))))
  addDirOptions(command)
}

async function stop(context: Context, options: GlobalOptions): Promise<void> {
  const directory = resolveDirectory(context, options.dir)
  const endpoints = readEndpoints(directory)
  if (!endpoints || !isRunning(endpoints.pid)) {
    throw new CliError(`no node is running in ${directory}`, EXIT.notFound)
  }
  const { pid, name } = endpoints
  process.kill(pid, 'SIGTERM')
  const { clock } = context.system
  const end = clock.monotonic() + WITHIN_MS
  // The file goes with the node; another process may get its number.
  while (isRunning(pid) && readEndpoints(directory)?.pid === pid) {
    if (clock.monotonic() > end) {
      throw new CliError(
        `${name} (process ${pid}) has not ended within ${WITHIN_MS / 1000} s; end it with: kill -9 ${pid}`,
      )
    }
    await sleep(clock, POLL_MS, context.signal)
  }
  while (isRunning(pid) && clock.monotonic() < end) await sleep(clock, POLL_MS, context.signal)
  print(context, `${name} (process ${pid}) has ended`)
}
