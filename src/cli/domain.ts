/**
 * `tributary domain`: the authority that says which nodes belong to a domain.
 */
import { Option } from 'commander'
import { writeFile } from 'node:fs/promises'
import type { PeerRole } from '../objects/peer.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Context, note, print } from './context.ts'
import { addRevokeCommands } from './domain-revoke.ts'
import { resolvePath, shellWord } from './node-directory.ts'
import { durationArgument, examples, optionsOf } from './options.ts'
import { commandOf, type Verb } from './verb.ts'

interface AdmitOptions {
  readonly authorityDir: string
  readonly node: string
  readonly role: PeerRole
  readonly valid?: number
  readonly output?: string
}

export const domainVerb: Verb = (program, context) => {
  const domain = program
    .command('domain')
    .description("a domain's authority: make one, let it admit nodes, and take memberships back")
    .addHelpText(
      'after',
      examples(
        ['tributary domain init ./example.org --name example.org', 'make the authority of a domain'],
        ['tributary init --dir ./alpha --authority-dir ./example.org', 'make a node that is a member'],
        ['tributary domain revoke --authority-dir ./example.org --node did:key:z6Mk…', 'take it back'],
      ),
    )
  domain
    .command('init <dir>')
    .description('make the authority of a new domain; keep its directory safe')
    .requiredOption('--name <domain>', 'the domain, a DNS name such as example.org')
    .action(async (...args: unknown[]) => {
      const [dir] = args as [string]
      const { name } = optionsOf<{ name: string }>(commandOf(args))
      await makeAuthority(context, dir, name)
    })
  domain
    .command('admit')
    .description('issue a membership credential: the node becomes a member of the domain')
    .requiredOption('--authority-dir <dir>', "the authority's directory")
    .requiredOption('--node <did>', "the node's id, as `tributary init` printed it")
    .addOption(
      new Option('--role <role>', 'what the node is in the domain')
        .choices(['node', 'supernode', 'catalog'])
        .default('node'),
    )
    .option('--valid <duration>', 'how long it lasts, for example 24h (default: 7d)', durationArgument)
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .addHelpText(
      'after',
      examples([
        'tributary domain admit --authority-dir ./example.org --node did:key:z6Mk… -o membership.jwt',
        'give the file to the node',
      ]),
    )
    .action(async (...args: unknown[]) =>
      admit(context, optionsOf<AdmitOptions>(commandOf(args)) as AdmitOptions),
    )
  addRevokeCommands(domain, context)
}

async function makeAuthority(context: Context, dir: string, name: string): Promise<void> {
  const { createAuthority, KeyFileError } = await import('../privacy-and-security-manager/index.ts')
  const directory = resolvePath(context, dir)
  try {
    const authority = await createAuthority(directory, name, context.system)
    print(
      context,
      `domain     ${authority.domain}`,
      `authority  ${authority.id}`,
      `directory  ${directory}`,
      '',
      'Next: make a node of the domain',
      `  tributary init --dir DIR --authority-dir ${shellWord(dir)}`,
    )
  } catch (error) {
    if (error instanceof RangeError) {
      throw new CliError(`${error.message}; want a DNS name in lower case, such as example.org`, EXIT.usage)
    }
    if (error instanceof KeyFileError && error.code === 'exists') {
      throw new CliError(`there is an authority in ${directory} already, and it is not overwritten`)
    }
    throw error
  }
}

async function admit(context: Context, options: AdmitOptions): Promise<void> {
  const { authorityDir, node, role, valid, output } = options
  const { DEFAULT_MEMBERSHIP_MS, issueMembership, loadAuthority, readMembership } =
    await import('../privacy-and-security-manager/index.ts')
  const { isNodeId } = await import('../objects/ids.ts')
  if (!isNodeId(node)) throw new CliError(`--node: not the did:key of an Ed25519 key: ${node}`, EXIT.usage)
  const authority = await loadAuthority(resolvePath(context, authorityDir))
  const validForMs = valid ?? DEFAULT_MEMBERSHIP_MS
  const credential = issueMembership(authority, { subject: node, role, system: context.system, validForMs })
  const { id, expiresAt } = readMembership(credential)
  const what = [
    `${node} is a ${role} of ${authority.domain} until ${new Date(expiresAt).toISOString()}`,
    `credential id ${id}`,
  ]
  if (output === undefined) {
    print(context, credential)
    note(context, ...what)
    return
  }
  await writeFile(resolvePath(context, output), `${credential}\n`, { mode: 0o600 })
  print(
    context,
    ...what,
    `credential in ${output}; in the node's config.yaml set`,
    '  domain:',
    `    name: ${authority.domain}`,
    `    authority: ${authority.id}`,
    '    membership: membership.jwt',
  )
}
