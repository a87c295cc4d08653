/**
 * `tributary status`: the node at a glance.
 */
import type { NodeStatus } from '../node/node-status.ts'
import { guestsRow } from './guests-row.ts'
import { connect } from './connect.ts'
import type { ControlClient } from './control-client.ts'
import { type Context, print } from './context.ts'
import { humanSeconds } from './human-time.ts'
import { addClientOptions, examples, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { withNodeNames } from './peer-names.ts'
import { printable, shortId } from './printable.ts'
import { styleFor } from './style.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

export const statusVerb: Verb = (program, context) => {
  const command = program
    .command('status')
    .description('the node at a glance: who it is, where it listens, its warnings, its peers')
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      examples(['tributary status --dir ./alpha', 'the node that runs in this directory']),
    )
    .action(async (...args: unknown[]) => status(context, optionsOf(commandOf(args))))
  addClientOptions(command)
}

async function status(context: Context, options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const found = await client.get<NodeStatus>('/tributary/v1/status')
    const { output } = options
    if (output === 'json' || output === 'yaml') context.stdout.write(encodeAs(output, found))
    else print(context, ...describeStatus(context, found, client.place))
  } finally {
    client.close()
  }
}

function describeStatus(
  context: Context,
  status: NodeStatus,
  { url, socketPath }: ControlClient['place'],
): readonly string[] {
  const style = styleFor(context, context.stdout)
  const rows: [string, string | undefined][] = [
    ['node', `${style.bold(status.name)} (${status.role})`],
    ['id', status.id],
    ['domain', status.domain],
    ['version', status.version],
    ['running', `for ${humanSeconds(status.uptimeSeconds)}`],
    ['REAR', status.rearAddress],
    ['control', socketPath],
    ['HTTPS', status.controlUrl ?? url.origin],
    ['fabric', [status.fabric, status.architecture].filter(Boolean).join(', ')],
    ['limits', status.enforcement],
    ['isolation', status.isolation],
    ['guests', guestsRow(status.guests)],
  ]
  const lines = rows.flatMap(([label, value]) =>
    value === undefined || value === '' ? [] : [`${label.padEnd(10)} ${value}`],
  )
  for (const { severity, text, code } of status.warnings) {
    const word = severity === 'high' ? style.red('WARNING') : style.yellow('note')
    lines.push('', `${word}: ${printable(text)} (${code})`)
  }
  lines.push('')
  if (status.peers.length === 0) lines.push('no peers yet')
  else {
    const cells = status.peers.map(({ name, phase, domain, address, id, message }) =>
      [name, phase, domain, address, id === undefined ? '' : shortId(id), withNodeNames(message ?? '')].map(
        (cell) => printable(cell ?? '-') || '-',
      ),
    )
    lines.push(...formatTable([['PEER', 'PHASE', 'DOMAIN', 'ADDRESS', 'ID', 'MESSAGE'], ...cells]))
  }
  return lines
}
