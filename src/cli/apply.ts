/**
 * `tributary apply`: makes objects be as their manifests say, after all of them were checked.
 */
import { type ApiResource, discover } from './api-resource.ts'
import { type Applied, applyObject } from './apply-object.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note, print } from './context.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import { type Manifest, readManifests } from './manifest.ts'
import { complaintsOf, resourceOfManifest } from './manifest-complaints.ts'
import {
  addNamespaceOptions,
  durationArgument,
  examples,
  type GlobalOptions,
  optionsOf,
  type OutputFormat,
  outputOption,
} from './options.ts'
import { plannedManifests } from './planned-manifests.ts'
import { printObjects } from './print-objects.ts'
import { printable } from './printable.ts'
import { commandOf, type Verb } from './verb.ts'
import { waitUntilRunning } from './wait-running.ts'

interface ApplyOptions extends Omit<GlobalOptions, 'output'> {
  readonly filename?: string[]
  readonly plan?: string
  readonly dryRun?: boolean
  readonly wait?: boolean
  readonly timeout: number
  readonly output?: OutputFormat
}

interface Job {
  readonly manifest: Manifest
  readonly resource: ApiResource
}

export const applyVerb: Verb = (program, context) => {
  const command = program
    .command('apply')
    .description('create or change the objects of manifests: intents, deployments, anything')
    .option('-f, --filename <file...>', 'files or folders; - for standard input')
    .option('--plan <id>', 'what tributary plan showed, at its terms or better')
    .option('--dry-run', 'check everything, change nothing')
    .option('--wait', 'wait until intents and deployments run')
    .option('--timeout <duration>', 'how long to wait at most', durationArgument, 300_000)
    .addOption(outputOption(['json', 'yaml', 'name']))
    .addHelpText(
      'after',
      `
Everything is checked before anything is changed. Complaints have the form FILE:LINE: field: message.
` +
        examples(
          ['tributary apply -f hello.yaml', 'ask for a workload to run'],
          ['tributary apply -f hello.yaml --wait', '… and see it through'],
          ['cat hello.yaml | tributary apply -f -', 'from standard input'],
          ['tributary apply --plan ID', 'what a plan showed; exits with 3 when it is to be had no more'],
          ['tributary apply -f hello.yaml --dry-run', 'only check it; see also: tributary plan -f'],
        ),
    )
    .action(async (...args: unknown[]) => {
      await apply(context, optionsOf<ApplyOptions>(commandOf(args)) as ApplyOptions)
    })
  addNamespaceOptions(command)
}

async function apply(context: Context, options: ApplyOptions): Promise<void> {
  const { namespace = 'default', dryRun = false, output } = options
  const { filename, plan } = options
  if ((filename === undefined) === (plan === undefined))
    throw new CliError('say what to apply: either -f FILE or --plan ID', EXIT.usage)
  const client = connect(context, options as GlobalOptions)
  try {
    const manifests =
      plan === undefined ? await readManifests(context, filename ?? []) : await plannedManifests(client, plan)
    const jobs = await check(context, client, manifests, namespace)
    const results: { job: Job; applied: Applied }[] = []
    for (const job of jobs) {
      const applied = await applyObject(client, job.resource, job.manifest.object, {
        namespace,
        dryRun,
      }).catch((error: unknown) => {
        throw explained(job.manifest, error)
      })
      results.push({ job, applied })
      if (output === undefined) {
        print(context, `${applied.name} ${applied.change}${dryRun ? ' (dry run)' : ''}`)
      }
    }
    if (options.wait && !dryRun) {
      const timeoutMs = options.timeout
      await Promise.all(
        results.map(({ job, applied }) =>
          waitUntilRunning(context, client, job.resource, applied.object, timeoutMs),
        ),
      )
    }
    if (output !== undefined && output !== 'wide') {
      const found = results.map(({ job, applied }) => ({ resource: job.resource, object: applied.object }))
      printObjects(context, output, found, manifests.length === 1)
    }
  } finally {
    client.close()
  }
}

/**
 * A dry run of everything: all complaints at once, before anything has changed.
 * @throws CliError with the complaints
 */
async function check(
  context: Context,
  client: ControlClient,
  manifests: readonly Manifest[],
  namespace: string,
): Promise<readonly Job[]> {
  const resources = await discover(client)
  const complaints: string[] = []
  const jobs: Job[] = []
  for (const manifest of manifests) {
    const resource = resourceOfManifest(resources, manifest)
    if (typeof resource === 'string') {
      complaints.push(resource)
      continue
    }
    jobs.push({ manifest, resource })
    try {
      const { warnings } = await applyObject(client, resource, manifest.object, { namespace, dryRun: true })
      for (const warning of warnings) note(context, `warning: ${manifest.file}: ${printable(warning)}`)
    } catch (error) {
      if (!(error instanceof ApiStatusError) || error.code >= 500) throw error
      // Its namespace may be one of the objects before it, not there yet.
      if (error.code === 404 && manifests.length > 1) continue
      complaints.push(...complaintsOf(manifest, error))
    }
  }
  if (complaints.length > 0) throw new CliError(complaints.map(printable).join('\n'))
  return jobs
}

function explained(manifest: Manifest, error: unknown): unknown {
  if (!(error instanceof ApiStatusError) || error.code >= 500) return error
  return new CliError(complaintsOf(manifest, error).map(printable).join('\n'), EXIT.error, { cause: error })
}
