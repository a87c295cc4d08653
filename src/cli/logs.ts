/**
 * `tributary logs`: what a pod's program wrote.
 */
import type { Deployment } from '../objects/core/deployment.ts'
import type { Pod } from '../objects/core/pod.ts'
import type { Intent } from '../objects/intent.ts'
import { discover, pathOf, resolveResource } from './api-resource.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import type { Context } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { addNamespaceOptions, countArgument, examples, type GlobalOptions, optionsOf } from './options.ts'
import { commandOf, type Verb } from './verb.ts'

interface LogsOptions extends GlobalOptions {
  readonly follow?: boolean
  readonly tail?: number
  readonly container?: string
}

export const logsVerb: Verb = (program, context) => {
  const command = program
    .command('logs <pod>')
    .description('what the program of a pod wrote; also for pods on virtual nodes')
    .option('-f, --follow', 'go on with what it writes from now on')
    .option('--tail <lines>', 'only the last lines', countArgument)
    .option('-c, --container <name>', 'of a pod with several containers')
    .addHelpText(
      'after',
      examples(
        ['tributary logs hello-5d4f7', 'of a pod'],
        ['tributary logs deployment/hello -f', 'of the first pod of a deployment, as it is written'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [pod] = args as [string]
      await logs(context, pod, optionsOf(commandOf(args)))
    })
  addNamespaceOptions(command)
}

async function logs(context: Context, target: string, options: LogsOptions): Promise<void> {
  const { namespace = 'default', follow, tail, container } = options
  const client = connect(context, options)
  try {
    const pod = await podOf(client, target, namespace)
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`
    const query = { follow, tailLines: tail, container }
    for await (const chunk of client.chunks(path, { query, signal: context.signal, accept: '*/*' })) {
      context.stdout.write(chunk)
    }
  } finally {
    client.close()
  }
}

/** @returns the name of a pod: the one named, or one that belongs to what was named */
async function podOf(client: ControlClient, target: string, namespace: string): Promise<string> {
  const [word = '', name] = target.includes('/') ? target.split('/', 2) : ['pod', target]
  const resources = await discover(client)
  const resource = resolveResource(resources, word)
  if (resource.kind === 'Pod') return name!
  const deployment = resources.find(({ kind }) => kind === 'Deployment')
  if (!deployment || !['Deployment', 'Intent'].includes(resource.kind)) {
    throw new CliError(
      `logs are of pods, or of the pods of a deployment or an intent, not of a ${resource.kind}`,
      EXIT.usage,
    )
  }
  const path = pathOf(resource, namespace, name)
  const owners =
    resource.kind === 'Deployment'
      ? [await client.get<Deployment>(path)]
      : await deploymentsOf(client, pathOf(deployment, namespace), await client.get<Intent>(path))
  const { items } = await client.get<{ items: readonly Pod[] }>(
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
  )
  const pods = items
    .filter(({ metadata }) =>
      owners.some(({ spec }) => {
        const wanted = Object.entries(spec.selector.matchLabels ?? {})
        return wanted.length > 0 && wanted.every(([key, value]) => metadata.labels?.[key] === value)
      }),
    )
    // A pod that runs has more to say than one that is about to go.
    .toSorted((a, b) => Number(b.status?.phase === 'Running') - Number(a.status?.phase === 'Running'))
  if (pods.length === 0) throw new CliError(`${target} has no pods yet`, EXIT.notFound)
  return pods[0]!.metadata.name
}

async function deploymentsOf(
  client: ControlClient,
  collection: string,
  { spec }: Intent,
): Promise<readonly Deployment[]> {
  const { items } = await client.get<{ items: readonly Deployment[] }>(collection)
  const named = new Set<unknown>([
    spec.workloadRef?.name,
    ...(spec.workload ?? []).map(({ metadata }) => (metadata as { name?: unknown }).name),
  ])
  return items.filter(({ metadata }) => named.has(metadata.name))
}
