/**
 * `tributary domain revoke` and `tributary domain revoked`: the authority takes memberships back.
 */
import { type Command, Option } from 'commander'
import { CliError, EXIT } from './cli-error.ts'
import { type Context, note, print } from './context.ts'
import { resolvePath } from './node-directory.ts'
import { examples, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { formatTable } from './text-table.ts'
import { commandOf } from './verb.ts'

interface RevokeOptions {
  readonly authorityDir: string
  readonly node?: string
  readonly credential?: string
}

interface RevokedOptions {
  readonly authorityDir: string
  readonly output?: string
}

/** Adds the two to the commands of `domain`. */
export function addRevokeCommands(domain: Command, context: Context): void {
  domain
    .command('revoke')
    .description('take a membership back before it ends')
    .requiredOption('--authority-dir <dir>', "the authority's directory")
    .addOption(new Option('--node <did>', 'of the node with this id, with all that it was given until now'))
    .addOption(
      new Option('--credential <jti>', 'the credential with this id only, and what renews it').conflicts(
        'node',
      ),
    )
    .addHelpText(
      'after',
      `
The supernode whose domain.authorityDirectory this is, and members of the domain that reach it, honour it within
seconds, everybody else when the credential ends. The node can be admitted anew afterwards.
` +
        examples(
          [
            'tributary domain revoke --authority-dir ./example.org --node did:key:z6Mk…',
            'the node has to go',
          ],
          ['tributary domain revoked --authority-dir ./example.org', 'what was taken back so far'],
        ),
    )
    .action(async (...args: unknown[]) =>
      revoke(context, optionsOf<RevokeOptions>(commandOf(args)) as RevokeOptions),
    )
  domain
    .command('revoked')
    .description('list what was taken back, oldest first')
    .requiredOption('--authority-dir <dir>', "the authority's directory")
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      examples(['tributary domain revoked --authority-dir ./example.org', 'whose membership was taken back']),
    )
    .action(async (...args: unknown[]) =>
      listRevoked(context, optionsOf<RevokedOptions>(commandOf(args)) as RevokedOptions),
    )
}

async function revoke(context: Context, { authorityDir, node, credential }: RevokeOptions): Promise<void> {
  const jti = credential?.trim()
  if (node === undefined && !jti) throw new CliError('whose? Want --node DID or --credential JTI', EXIT.usage)
  const [{ loadAuthority, revokeMembership }, { isNodeId }] = await Promise.all([
    import('../privacy-and-security-manager/index.ts'),
    import('../objects/ids.ts'),
  ])
  if (node !== undefined && !isNodeId(node)) {
    throw new CliError(`--node: not the did:key of an Ed25519 key: ${node}`, EXIT.usage)
  }
  const directory = resolvePath(context, authorityDir)
  const { domain } = await loadAuthority(directory)
  const what = node === undefined ? { jti: jti! } : { node }
  const news = await revokeMembership(directory, what, context.system)
  if (!news) {
    print(context, `credential ${jti} of ${domain} had been revoked before`)
    return
  }
  print(
    context,
    node === undefined
      ? `credential ${jti} of ${domain} revoked, and what renews it`
      : `membership of ${node} in ${domain} revoked, with all that it was given until now`,
    'The supernode that holds the authority, and members that reach it, honour it within seconds, everybody else when',
    'the credential ends. At once: tributary peer reject',
  )
}

async function listRevoked(context: Context, { authorityDir, output }: RevokedOptions): Promise<void> {
  const { loadAuthority, readRevoked } = await import('../privacy-and-security-manager/index.ts')
  const directory = resolvePath(context, authorityDir)
  // A wrong directory must not look like one where nothing was revoked.
  const { domain } = await loadAuthority(directory)
  const entries = readRevoked(directory).map(({ at, ...what }) => ({
    ...what,
    at: new Date(at).toISOString(),
  }))
  if (output === 'json' || output === 'yaml') {
    context.stdout.write(encodeAs(output, { domain, revoked: entries }))
    return
  }
  if (entries.length === 0) {
    note(context, `Nothing was revoked in ${domain}.`)
    return
  }
  const rows = entries.map((entry) =>
    'node' in entry ? [entry.at, 'node', entry.node] : [entry.at, 'credential', entry.credential],
  )
  print(context, ...formatTable([['REVOKED', 'WHAT', 'ID'], ...rows]))
}
