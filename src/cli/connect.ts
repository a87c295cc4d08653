/**
 * From the options of a command to a client of the node it means.
 */
import { existsSync, readFileSync } from 'node:fs'
import { CliError, EXIT } from './cli-error.ts'
import type { Context } from './context.ts'
import { ControlClient, socketUrl } from './control-client.ts'
import { isNodeDirectory, readEndpoints, resolveDirectory, resolvePath, shellWord } from './node-directory.ts'
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
      ...credentials(context, options),
      signal,
      unreachable: (reason) => `no answer from the node at ${server}: ${reason}`,
    })
  }
  const directory = resolveDirectory(context, options.dir)
  const endpoints = readEndpoints(directory)
  if (!endpoints) throw new CliError(notRunning(directory), EXIT.unreachable)
  return new ControlClient({
    url: socketUrl(endpoints.controlSocket),
    signal,
    unreachable: (reason) =>
      `the node in ${directory} does not answer at ${endpoints.controlSocket}: ${reason}\n${startHint(directory)}`,
  })
}

/** What a node that is reached by its URL has to be told and shown; $TRIBUTARY_TOKEN is not seen by others in a list of processes. */
function credentials(
  context: Context,
  options: GlobalOptions,
): { readonly token?: string; readonly authority?: string } {
  const token = options.token ?? (context.env['TRIBUTARY_TOKEN'] || undefined)
  const file = options.certificateAuthority ?? (context.env['TRIBUTARY_CERTIFICATE_AUTHORITY'] || undefined)
  if (file === undefined) return token === undefined ? {} : { token }
  try {
    const authority = readFileSync(resolvePath(context, file), 'utf8')
    return token === undefined ? { authority } : { token, authority }
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new CliError(`--certificate-authority: cannot read ${file}: ${why}`, EXIT.usage, { cause })
  }
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
