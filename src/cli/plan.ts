/**
 * `tributary plan`: what would be done for an intent, and why, without doing it.
 */
import type { PlannedPurchase } from '../node-orchestrator/index.ts'
import type { Considered } from '../objects/solver.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, print } from './context.ts'
import { consideredLines } from './considered-table.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import { discover } from './api-resource.ts'
import { applyObject } from './apply-object.ts'
import { type Manifest, readManifests } from './manifest.ts'
import { complaintsOf, resourceOfManifest } from './manifest-complaints.ts'
import { addNamespaceOptions, examples, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { peerNames } from './peer-names.ts'
import { printable } from './printable.ts'
import { purchaseLines, totalLines, type Known } from './purchase-lines.ts'
import { type Style, styleFor } from './style.ts'
import { commandOf, type Verb } from './verb.ts'

interface PlanOptions extends GlobalOptions {
  readonly filename: string[]
}

/** What `POST /tributary/v1/plan` says of each part of an intent. */
interface PlannedRequest {
  readonly name: string
  readonly workload: string
  readonly wanted: {
    readonly amounts: Readonly<Record<string, string>>
    readonly requirements?: Readonly<Record<string, unknown>>
  }
  readonly decision: 'Local' | 'ExistingVirtualNode' | 'Purchase' | 'None'
  readonly node?: string
  readonly considered: readonly Considered[]
  readonly purchase?: PlannedPurchase
  readonly warnings?: readonly string[]
}

interface Plan {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly requests: readonly PlannedRequest[]
}

interface PlanAnswer {
  readonly id: string
  readonly plans: readonly Plan[]
}

export const planVerb: Verb = (program, context) => {
  const command = program
    .command('plan')
    .description('dry run of an intent: every offer that is considered, taken or not, and why')
    .requiredOption('-f, --filename <file...>', 'intents or deployments; - for standard input')
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      `
Asks the other nodes for their offers, buys nothing. Exits with 1 when there is no place for a part.
The plan is kept for an hour: apply --plan ID buys at its terms or better, or says what has changed.
` + examples(['tributary plan -f hello.yaml', 'where would it run, and what would it cost?']),
    )
    .action(async (...args: unknown[]) =>
      plan(context, optionsOf<PlanOptions>(commandOf(args)) as PlanOptions),
    )
  addNamespaceOptions(command)
}

async function plan(context: Context, options: PlanOptions): Promise<void> {
  const manifests = await readManifests(context, options.filename)
  const plannable = manifests.filter(({ object }) => object.kind === 'Intent' || object.kind === 'Deployment')
  if (plannable.length === 0) {
    throw new CliError(
      `there is neither an Intent nor a Deployment in ${options.filename.join(', ')}`,
      EXIT.usage,
    )
  }
  const client = connect(context, options)
  try {
    await check(client, plannable, options.namespace ?? 'default')
    const items = manifests.map(({ object }) => ({
      ...object,
      metadata: { namespace: options.namespace ?? 'default', ...object.metadata },
    }))
    const { id, plans } = await client.json<PlanAnswer>('POST', '/tributary/v1/plan', { body: { items } })
    const { output } = options
    if (output === 'json' || output === 'yaml') {
      const documents = plans.map((found) => ({ id, ...found }))
      context.stdout.write(encodeAs(output, documents.length === 1 ? documents[0] : documents))
    } else {
      const style = styleFor(context, context.stdout)
      const known = { names: await peerNames(client) }
      plans.forEach((found, index) => {
        if (index > 0) print(context, '')
        print(context, ...planLines(found, style, known))
      })
      print(context, '', `plan ${id}, kept for an hour; to buy so: tributary apply --plan ${id}`)
    }
    const homeless = plans.flatMap(({ requests }) => requests.filter(({ decision }) => decision === 'None'))
    if (homeless.length > 0) {
      throw new CliError(`no place for ${homeless.map(({ name }) => printable(name)).join(', ')}`)
    }
  } finally {
    client.close()
  }
}

/** The same check as `apply` does, so that a plan is not made of what could not be applied. */
async function check(
  client: ControlClient,
  manifests: readonly Manifest[],
  namespace: string,
): Promise<void> {
  const resources = await discover(client)
  const complaints: string[] = []
  for (const manifest of manifests) {
    const resource = resourceOfManifest(resources, manifest)
    if (typeof resource === 'string') {
      complaints.push(resource)
      continue
    }
    try {
      await applyObject(client, resource, manifest.object, { namespace, dryRun: true })
    } catch (error) {
      if (!(error instanceof ApiStatusError) || error.code >= 500) throw error
      complaints.push(...complaintsOf(manifest, error))
    }
  }
  if (complaints.length > 0) throw new CliError(complaints.map(printable).join('\n'))
}

function planLines({ kind, name, requests }: Plan, style: Style, known: Known): readonly string[] {
  const lines = [`${style.bold(printable(`${kind} ${name}`))}: nothing has been bought or changed`]
  for (const request of requests) {
    lines.push('', `  ${style.bold(printable(request.workload))}`)
    lines.push(`    wants      ${amountsText(request.wanted.amounts)}`)
    const requirements = Object.entries(request.wanted.requirements ?? {})
    if (requirements.length > 0) {
      lines.push(
        `    requires   ${requirements.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}`,
      )
    }
    lines.push(`    decision   ${decisionText(request, style)}`)
    if (request.purchase) lines.push(...purchaseLines(request.purchase, known))
    for (const warning of request.warnings ?? []) {
      lines.push(`    ${style.yellow('warning')}    ${printable(warning)}`)
    }
    lines.push('')
    lines.push(...consideredLines(request.considered, style, 4))
  }
  lines.push(...totalLines(requests.flatMap(({ purchase }) => purchase ?? [])))
  return lines
}

function amountsText(amounts: Readonly<Record<string, string>>): string {
  return Object.entries(amounts)
    .map(([name, amount]) => printable(`${name} ${amount}`))
    .join(', ')
}

function decisionText({ decision, node, considered }: PlannedRequest, style: Style): string {
  switch (decision) {
    case 'Local':
      return style.green(`run on this node's own resources (${node ?? '?'})`)
    case 'ExistingVirtualNode':
      return style.green(`run on the virtual node ${node ?? '?'}, bought before`)
    case 'Purchase': {
      const taken = considered.find(({ verdict }) => verdict === 'taken')
      return style.green(`buy ${printable(taken?.flavorID ?? 'the best offer')}`)
    }
    case 'None':
      return style.red('no place: none of the offers is suitable')
  }
}
