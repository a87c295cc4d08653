/**
 * `tributary api-resources`: the kinds that the node serves.
 */
import { apiVersionOf, discover } from './api-resource.ts'
import { connect } from './connect.ts'
import { type Context, print } from './context.ts'
import { addClientOptions, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

export const apiResourcesVerb: Verb = (program, context) => {
  const command = program
    .command('api-resources')
    .description('the kinds that the node serves, with their short names')
    .addOption(outputOption(['json', 'yaml', 'name']))
    .action(async (...args: unknown[]) => list(context, optionsOf(commandOf(args))))
  addClientOptions(command)
}

async function list(context: Context, options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const resources = await discover(client)
    const { output } = options
    if (output === 'json' || output === 'yaml') context.stdout.write(encodeAs(output, resources))
    else if (output === 'name') {
      print(context, ...resources.map(({ plural, group }) => (group === '' ? plural : `${plural}.${group}`)))
    } else {
      const rows = resources.map((each) => [
        each.plural,
        each.shortNames.join(','),
        apiVersionOf(each),
        String(each.namespaced),
        each.kind,
      ])
      print(context, ...formatTable([['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND'], ...rows]))
    }
  } finally {
    client.close()
  }
}
