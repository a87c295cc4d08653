/**
 * From the options of a command to a client of the node it means.
 */
import { existsSync } from 'node:fs'
import { CliError, EXIT } from './cli-error.ts'
import type { Context } from './context.ts'
import { ControlClient } from './control-client.ts'
import { isNodeDirectory, readEndpoints, resolveDirectory, shellWord } from './node-directory.ts'
import type { GlobalOptions } from './options.ts'

/**
 * @returns a client of the node named by `--server`, or running in the directory that the options mean
 * @throws CliError `unreachable`, saying how to make or start the node
 */
export function connect(context: Context, options: GlobalOptions): ControlClient {
  const { signal } = context
  const server = options.server ?? (context.env['TRIBUTARY_SERVER'] || undefined)
  if (server !== undefined) {
    return new ControlClient({
      url: server,
      signal,
      unreachable: (reason) => `no answer from the node at ${server}: ${reason}`,
    })
  }
  const directory = resolveDirectory(context, options.dir)
  const endpoints = readEndpoints(directory)
  if (!endpoints) throw new CliError(notRunning(directory), EXIT.unreachable)
  return new ControlClient({
    url: endpoints.controlUrl,
    signal,
    unreachable: (reason) =>
      `the node in ${directory} does not answer at ${endpoints.controlUrl}: ${reason}\n${startHint(directory)}`,
  })
}

function notRunning(directory: string): string {
  if (isNodeDirectory(directory)) return `the node in ${directory} is not running\n${startHint(directory)}`
  const dir = shellWord(directory)
  const what = existsSync(directory)
    ? `${directory} is not a node's directory`
    : `there is no node in ${directory}`
  return (
    `${what}\n` +
    `Make one with:    tributary init --dir ${dir}\n` +
    `then start it:    tributary start --dir ${dir}\n` +
    `or name another:  --dir DIR, $TRIBUTARY_DIR, or --server URL`
  )
}

function startHint(directory: string): string {
  return `Start it with: tributary start --dir ${shellWord(directory)}`
}
