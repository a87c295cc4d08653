/**
 * `tributary init`: makes a node's directory.
 */
import { Option } from 'commander'
import { hostname } from 'node:os'
import type { PeerRole } from '../objects/peer.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Context, print } from './context.ts'
import { addInitSettings, type InitSettings, settingsOf } from './init-settings.ts'
import { resolveDirectory, resolvePath, shellWord } from './node-directory.ts'
import { addDirOptions, durationArgument, examples, type GlobalOptions, optionsOf } from './options.ts'
import { commandOf, type Verb } from './verb.ts'

interface InitOptions extends GlobalOptions, InitSettings {
  readonly name?: string
  readonly role: PeerRole
  readonly domain?: string
  readonly authority?: string
  readonly authorityDir?: string
  readonly valid?: number
}

export const initVerb: Verb = (program, context) => {
  const command = addInitSettings(
    program
      .command('init')
      .description("make a new node's directory: key, configuration with comments, membership")
      .option('--name <name>', 'of the node (default: that of this machine)')
      .addOption(
        new Option('--role <role>', 'what the node is')
          .choices(['node', 'supernode', 'catalog'])
          .default('node'),
      )
      .option('--domain <name>', 'the administrative domain that it belongs to, for example example.org')
      .option('--authority <did>', 'the authority of the domain: who vouches for its members')
      .option(
        '--authority-dir <dir>',
        'the directory of the authority, if it is on this machine: the node is admitted at once, and a supernode holds it',
      )
      .option('--valid <duration>', 'how long the membership lasts (with --authority-dir)', durationArgument),
  )
    .addHelpText(
      'after',
      examples(
        ['tributary init --dir ./alpha --name alpha', 'a node of its own'],
        [
          'tributary init --dir ./beta --listen 192.0.2.7:7443 --sell cpu=4,memory=8Gi --allow-workloads',
          'one that sells',
        ],
        [
          'tributary init --dir ./alpha --authority-dir ./example.org',
          'a member of a domain, see: tributary domain',
        ],
        [
          'tributary init --dir ./super --role supernode --authority-dir ./example.org',
          '… that renews the memberships',
        ],
      ),
    )
    .action(async (...args: unknown[]) => init(context, optionsOf<InitOptions>(commandOf(args))))
  addDirOptions(command)
}

async function init(context: Context, options: InitOptions): Promise<void> {
  const { role, authority: authorityId, authorityDir } = options
  if (authorityId !== undefined && options.domain === undefined) {
    throw new CliError('--authority is the authority of a domain: name it with --domain', EXIT.usage)
  }
  if (options.valid !== undefined && authorityDir === undefined) {
    throw new CliError('--valid is about the membership that --authority-dir issues', EXIT.usage)
  }
  const directory = resolveDirectory(context, options.dir)
  const name = checkedName(options.name ?? defaultName())
  const [{ createNodeDirectory }, { loadAuthority }, { isNodeId }] = await Promise.all([
    import('./node-files.ts'),
    import('../privacy-and-security-manager/index.ts'),
    import('../objects/ids.ts'),
  ])
  if (authorityId !== undefined && !isNodeId(authorityId)) {
    throw new CliError(`--authority: not the did:key of an Ed25519 key: ${authorityId}`, EXIT.usage)
  }
  const authorityPath = authorityDir === undefined ? undefined : resolvePath(context, authorityDir)
  const authority = authorityPath === undefined ? undefined : await loadAuthority(authorityPath)
  const holds = role === 'supernode' ? authorityPath : undefined
  if (authority) {
    if (options.domain !== undefined && options.domain !== authority.domain) {
      throw new CliError(`${authorityDir} is the authority of ${authority.domain}, not of ${options.domain}`)
    }
    if (authorityId !== undefined && authorityId !== authority.id) {
      throw new CliError(`${authorityDir} holds the authority ${authority.id}, not ${authorityId}`)
    }
  }
  const domain = authority?.domain ?? options.domain
  const id = await createNodeDirectory({
    directory,
    system: context.system,
    authority,
    authorityDirectory: holds,
    membershipMs: options.valid,
    config: {
      name,
      role,
      ...settingsOf(options),
      ...(options.domain === undefined
        ? {}
        : {
            domain: {
              name: options.domain,
              ...(authorityId === undefined ? {} : { authority: authorityId }),
            },
          }),
    },
  })
  const dir = shellWord(directory)
  const guests = await expectedGuests(context, options)
  print(
    context,
    `node       ${name} (${role})`,
    `id         ${id}`,
    `directory  ${directory}`,
    ...(domain === undefined ? [] : [`domain     ${domain}${authority ? ' (membership issued)' : ''}`]),
    ...(guests === undefined ? [] : [`guests     ${guests}`]),
    ...(holds === undefined
      ? []
      : [
          `authority  ${holds}`,
          '',
          'While it runs it renews the credentials of the members, and honours what `tributary domain revoke` takes back.',
          'For that it must be able to read and write that directory: domain.authorityDirectory in config.yaml.',
        ]),
    '',
    'Next:',
    ...(domain !== undefined && !authority
      ? [
          `  have the domain's authority admit it:`,
          `    tributary domain admit --authority-dir AUTHORITY --node ${id} --role ${role} -o ${dir}/membership.jwt`,
          `  and set domain.membership${authorityId === undefined ? ' and domain.authority' : ''} in config.yaml`,
        ]
      : []),
    `  look through  ${directory}/config.yaml`,
    `  then run      tributary start --dir ${dir}`,
  )
}

/** @returns in what programs of buyers will run, where the node sells to them */
async function expectedGuests(
  { env }: Context,
  { allowWorkloads }: Pick<InitSettings, 'allowWorkloads'>,
): Promise<string | undefined> {
  if (allowWorkloads === undefined) return undefined
  const { expectedRunners } = await import('../fabric/embedded/index.ts')
  const expected = await expectedRunners(env)
  return allowWorkloads === true
    ? expected
    : `${expected}; unisolated: as ordinary processes where nothing else works`
}

function checkedName(name: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/.test(name)) return name
  throw new CliError(
    `not a name for a node: ${JSON.stringify(name)}; want lower case letters, digits and dashes, at most 42`,
    EXIT.usage,
  )
}

/** The machine's name as far as it can name a node. */
function defaultName(): string {
  const [first = ''] = hostname().toLowerCase().split('.')
  const name = first
    .replaceAll(/[^-a-z0-9]/g, '-')
    .slice(0, 42)
    .replaceAll(/^-+|-+$/g, '')
  return name === '' ? 'node' : name
}
