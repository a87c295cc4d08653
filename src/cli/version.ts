/**
 * `tributary version`: of the program and, if one runs, of the node.
 */
import { VERSION } from '../version.ts'
import { CliError } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, print } from './context.ts'
import { addClientOptions, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { commandOf, type Verb } from './verb.ts'

export const versionVerb: Verb = (program, context) => {
  const command = program
    .command('version')
    .description('the version of this program and, if it runs, of the node')
    .addOption(outputOption(['json', 'yaml']))
    .action(async (...args: unknown[]) => version(context, optionsOf(commandOf(args))))
  addClientOptions(command)
}

async function version(context: Context, options: GlobalOptions): Promise<void> {
  const node = await nodeVersion(context, options)
  const { output } = options
  if (output === 'json' || output === 'yaml') {
    context.stdout.write(
      encodeAs(output, { tributary: VERSION, runtime: process.version, ...(node ? { node } : {}) }),
    )
    return
  }
  print(context, `tributary ${VERSION} (Node ${process.version})`)
  print(context, node === undefined ? 'node      not running' : `node      ${node}`)
}

async function nodeVersion(context: Context, options: GlobalOptions): Promise<string | undefined> {
  try {
    const client = connect(context, options)
    try {
      return (await client.get<{ version: string }>('/tributary/v1/status')).version
    } finally {
      client.close()
    }
  } catch (error) {
    // Asked for by name, it has to answer.
    if (error instanceof CliError && options.server === undefined) return undefined
    throw error
  }
}
