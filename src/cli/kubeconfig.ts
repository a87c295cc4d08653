/** `tributary kubeconfig`: lets kubectl, k9s, Helm and client libraries in. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { replacePrivateFile } from '../kernel/private-file.ts'
import { CliError } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { kubeconfigText, mergeKubeconfig, tokenIn } from './kubeconfig-text.ts'
import { resolvePath } from './node-directory.ts'
import { addClientOptions, durationArgument, examples, type GlobalOptions, optionsOf } from './options.ts'
import { makeToken, TOKENS } from './token.ts'
import { commandOf, type Verb } from './verb.ts'

interface KubeconfigOptions extends GlobalOptions {
  readonly merge?: boolean
  readonly expires: number
}

const DEFAULT_MS = 30 * 86_400_000

export const kubeconfigVerb: Verb = (program, context) => {
  const command = program
    .command('kubeconfig')
    .description('a kubeconfig for kubectl, k9s, Helm: address, authority and an admin token')
    .option('--merge', 'put it into $KUBECONFIG or ~/.kube/config, beside what is there, and make it current')
    .option('--expires <duration>', 'how long its token counts (default: 30d)', durationArgument, DEFAULT_MS)
    .addHelpText(
      'after',
      `
Each call makes a token; with --merge it takes the place of the one that was in the file, which counts no more. Of
those made so the latest five count. See them with tributary token list, take one back with tributary token revoke NAME.
` +
        examples(
          ['tributary kubeconfig --merge', 'then: kubectl get flavors,contracts,nodes,pods'],
          ['tributary kubeconfig > alpha.kubeconfig', 'a file of its own, for kubectl --kubeconfig'],
        ),
    )
    .action(async (...args: unknown[]) => kubeconfig(context, optionsOf<KubeconfigOptions>(commandOf(args))))
  addClientOptions(command)
}

async function kubeconfig(context: Context, options: KubeconfigOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const { name } = await client.get<{ readonly name: string }>('/tributary/v1/status')
    const made = await makeToken(client, {
      role: 'admin',
      lifetimeMs: options.expires,
      purpose: 'kubeconfig',
    })
    const entry = { name: `tributary-${name}`, url: made.url, authority: made.authority, token: made.token }
    const until = `admin until ${made.expires}; take it back with: tributary token revoke ${made.name}`
    if (options.merge !== true) {
      context.stdout.write(kubeconfigText(entry))
      note(context, `# context ${entry.name}: ${until}`)
      return
    }
    const file = mergeTarget(context)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    let replaced: string | undefined
    await replacePrivateFile(file, {
      exclusive: true,
      text: () => {
        const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
        replaced = tokenIn(before, entry)
        return mergeKubeconfig(before, entry, file)
      },
    }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new CliError(`somebody else is changing ${file}; if nobody is, remove ${file}.new`, undefined, {
        cause: error,
      })
    })
    // Only now: until then it is the one that works.
    if (replaced !== undefined) await revokeReplaced(client, replaced)
    note(context, `${file}: context ${entry.name}, now the current one; ${until}`)
  } finally {
    client.close()
  }
}

/** Takes back the token that was in the file, if this node made it for a kubeconfig and it still counts. */
async function revokeReplaced(client: ControlClient, token: string): Promise<void> {
  const name = /^tributary_([-a-z0-9]+)_/.exec(token)?.[1]
  const { tokens } = await client.get<{ readonly tokens: readonly { name: string; purpose?: string }[] }>(
    TOKENS,
  )
  const isOurs = tokens.some((each) => each.name === name && each.purpose === 'kubeconfig')
  if (name !== undefined && isOurs) await client.request('DELETE', `${TOKENS}/${name}`)
}

/** The first file of $KUBECONFIG, as kubectl writes there; what a link points to, so that the link stays. */
function mergeTarget(context: Context): string {
  const [first] = (context.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const file =
    first === undefined
      ? join(context.env['HOME'] || homedir(), '.kube', 'config')
      : resolvePath(context, first)
  return existsSync(file) ? realpathSync(file) : file
}
