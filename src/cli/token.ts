/** `tributary token`: who may use the control API without being on the node's machine as its owner. */
import { Option } from 'commander'
import { connect } from './connect.ts'
import { type Context, note, print } from './context.ts'
import type { ControlClient } from './control-client.ts'
import {
  addClientOptions,
  durationArgument,
  examples,
  type GlobalOptions,
  optionsOf,
  outputOption,
} from './options.ts'
import { encodeAs } from './print-objects.ts'
import { printable } from './printable.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

/** Where the node makes, lists and revokes them. */
export const TOKENS = '/tributary/v1/tokens'

interface TokenLine {
  readonly name: string
  readonly role: string
  readonly expires: string
  readonly created: string
}

/** What the node answers to who has a token made: the only time that it is told. */
export interface MadeToken extends TokenLine {
  readonly token: string
  readonly url: string
  /** PEM. */
  readonly authority: string
}

interface CreateOptions extends GlobalOptions {
  readonly role: string
  readonly expires: number
  readonly name?: string
}

export const tokenVerb: Verb = (program, context) => {
  const token = program
    .command('token')
    .description('tokens of the control API: create, list, revoke')
    .addHelpText(
      'after',
      examples(
        ['tributary token create --role viewer --expires 24h', 'for somebody, or a program, that only looks'],
        ['tributary token list', 'those that count; never the tokens themselves'],
        ['tributary token revoke NAME', 'from now on it counts no more; what runs under it ends'],
      ),
    )
  addClientOptions(
    token
      .command('create')
      .description('make a token; it is printed once, and only its hash is kept')
      .addOption(
        new Option('--role <role>', 'viewer: reads all but secrets; admin: everything')
          .choices(['admin', 'viewer'])
          .makeOptionMandatory(),
      )
      .option('--expires <duration>', 'how long it counts', durationArgument, 86_400_000)
      .option('--name <name>', 'to find it again by (default: made up)')
      .addOption(outputOption(['json', 'yaml']))
      .action(async (...args: unknown[]) => create(context, optionsOf<CreateOptions>(commandOf(args)))),
  )
  addClientOptions(
    token
      .command('list')
      .description('the tokens that count')
      .addOption(outputOption(['json', 'yaml']))
      .action(async (...args: unknown[]) => list(context, optionsOf(commandOf(args)))),
  )
  addClientOptions(
    token
      .command('revoke <name...>')
      .description('take tokens back, by name')
      .action(async (...args: unknown[]) => {
        const [names] = args as [readonly string[]]
        await revoke(context, names, optionsOf(commandOf(args)))
      }),
  )
}

/** Has the node make a token. @throws CliError, also when not asked through the socket */
export function makeToken(
  client: ControlClient,
  wanted: {
    readonly role: string
    readonly lifetimeMs: number
    readonly name?: string
    readonly purpose?: string
  },
): Promise<MadeToken> {
  const { lifetimeMs, ...rest } = wanted
  const body = { ...rest, expiresSeconds: Math.ceil(lifetimeMs / 1000) }
  return client.json<MadeToken>('POST', TOKENS, { body })
}

async function create(context: Context, options: CreateOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const { role, expires, name, output } = options
    const made = await makeToken(client, {
      role,
      lifetimeMs: expires,
      ...(name === undefined ? {} : { name }),
    })
    if (output === 'json' || output === 'yaml') {
      context.stdout.write(encodeAs(output, made))
      return
    }
    // The token alone goes to standard output, so that it can be put where it belongs.
    print(context, made.token)
    note(context, `${made.name}: ${made.role} at ${made.url} until ${made.expires}; it is not shown again`)
  } finally {
    client.close()
  }
}

async function list(context: Context, options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const found = await client.get<{ readonly tokens: readonly TokenLine[] }>(TOKENS)
    const { output } = options
    if (output === 'json' || output === 'yaml') context.stdout.write(encodeAs(output, found))
    else if (found.tokens.length === 0) note(context, 'there are no tokens')
    else {
      const rows = found.tokens.map(({ name, role, expires, created }) => [name, role, expires, created])
      print(
        context,
        ...formatTable([['NAME', 'ROLE', 'EXPIRES', 'CREATED'], ...rows.map((row) => row.map(printable))]),
      )
    }
  } finally {
    client.close()
  }
}

async function revoke(context: Context, names: readonly string[], options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    for (const name of names) {
      await client.request('DELETE', `${TOKENS}/${encodeURIComponent(name)}`)
      print(context, `token ${name} revoked`)
    }
  } finally {
    client.close()
  }
}
