/**
 * `tributary trace`: the numbered workflow steps of an intent, on all nodes that took part.
 */
import type { TraceEvent } from '../objects/trace.ts'
import { NO_STEP } from '../trace/index.ts'
import { sleep } from '../kernel/system.ts'
import { CliError } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note, print, widthOf } from './context.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import { addNamespaceOptions, examples, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs, escapeIn } from './print-objects.ts'
import { stepLines, type StepLines } from './step-lines.ts'
import { styleFor } from './style.ts'
import type { NodeStatus } from '../node/node-status.ts'
import { commandOf, type Verb } from './verb.ts'
import { beginOf, inTime, missingSteps, notNeeded, workflowSteps } from './workflow-check.ts'

interface TraceOptions extends GlobalOptions {
  readonly watch?: boolean
}

interface WholeTrace {
  readonly traceID: string
  readonly workflow: number
  readonly intent: string
  readonly events: readonly TraceEvent[]
}

/** Between two looks at a trace that is watched. */
const POLL_MS = 250

export const traceVerb: Verb = (program, context) => {
  const command = program
    .command('trace <intent>')
    .description('the numbered steps of the workflow that an intent went through, on all nodes')
    .option('-w, --watch', 'go on with every new step, until the last')
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      examples(
        ['tributary trace hello', 'what happened, step by step; missing steps are flagged'],
        ['tributary trace hello -o json', 'for programs'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [intent] = args as [string]
      await trace(context, intent.replace(/^(intents?|in)\//, ''), optionsOf(commandOf(args)))
    })
  addNamespaceOptions(command)
}

async function trace(context: Context, intent: string, options: TraceOptions): Promise<void> {
  const client = connect(context, options)
  const path = `/tributary/v1/traces/${encodeURIComponent(options.namespace ?? 'default')}/${encodeURIComponent(intent)}`
  try {
    if (options.watch) {
      await watch(context, client, path, options)
      return
    }
    const found = await client.get<WholeTrace>(path)
    const { output } = options
    if (output === 'json' || output === 'yaml') {
      const table = workflowSteps(found.workflow)
      const missing = missingSteps(table, found.events).map(({ step }) => step)
      const unneeded = notNeeded(table, found.events)
      const document = { ...found, events: inTime(found.events), missing, notNeeded: unneeded }
      context.stdout.write(encodeAs(output, document))
      return
    }
    const events = inTime(found.events)
    const lines = await linesFor(context, client, events)
    const startedAt = beginOf(events)
    print(context, `trace ${found.traceID} of ${found.intent}, workflow ${found.workflow}`, '', lines.header)
    print(context, ...events.map((event) => lines.line(event, startedAt)))
    printMissing(context, found, lines)
  } finally {
    client.close()
  }
}

async function linesFor(
  context: Context,
  client: ControlClient,
  events: readonly TraceEvent[],
): Promise<StepLines> {
  const status = await client.get<NodeStatus>('/tributary/v1/status')
  const names = new Map([[status.id, status.name]])
  for (const { id, name } of status.peers) if (id !== undefined && name !== undefined) names.set(id, name)
  return stepLines({
    style: styleFor(context, context.stdout),
    names,
    // What is there now, then all that may come.
    nodes: [
      ...new Set([
        status.name,
        ...events.map(({ node }) => node),
        ...status.peers.filter(({ phase }) => phase === 'Accepted').map(({ name }) => name ?? ''),
      ]),
    ],
    // Of two, one asks and one gives.
    roles: new Set(events.map(({ node }) => node)).size > 2 || status.role !== 'node',
    width: widthOf(context.stdout),
  })
}

/** Flags steps that later ones took place without; what is not there yet is only counted. */
function printMissing(context: Context, { workflow, events }: WholeTrace, lines: StepLines): void {
  const table = workflowSteps(workflow)
  if (table.length === 0) return
  const last = Math.max(0, ...events.map(({ step }) => step))
  const unneeded = notNeeded(table, events)
  const missing = missingSteps(table, events).filter(
    ({ step }) => !unneeded.some(({ from, to }) => step >= from && step <= to),
  )
  const skipped = missing.filter(({ step }) => step < last)
  if (skipped.length > 0) {
    print(
      context,
      '',
      ...skipped.map(({ step, component, message }) => lines.missing(step, component, message)),
    )
  }
  const ahead = missing.length - skipped.length
  const said = [
    `${new Set(events.map(({ step }) => step).filter((step) => step !== NO_STEP)).size} steps took place`,
    ...(skipped.length > 0 ? [`${skipped.length} missing in between`] : []),
    ...(ahead > 0 ? [`${ahead} not reached yet`] : []),
    ...(missing.length === 0 ? ['none is missing'] : []),
  ]
  print(
    context,
    '',
    ...unneeded.map(({ from, to, because }) => `steps ${from} to ${to} were not needed: ${because}`),
    said.join(', '),
  )
}

/** Asks again and again, for the steps of other nodes come through them. */
async function watch(
  context: Context,
  client: ControlClient,
  path: string,
  { output }: TraceOptions,
): Promise<void> {
  const seen = new Set<string>()
  let lines: StepLines | undefined
  let startedAt = 0
  let announced = false
  while (!context.signal.aborted) {
    let found: WholeTrace | undefined
    try {
      found = await client.get<WholeTrace>(path)
    } catch (error) {
      if (!(error instanceof ApiStatusError) || error.code !== 404) throw error
      if (seen.size > 0) throw new CliError('the intent is gone')
      if (!announced) note(context, 'waiting for the intent')
      announced = true
    }
    const fresh = inTime(found?.events ?? []).filter((event) => {
      const key = `${event.node} ${event.step} ${event.at}`
      return !seen.has(key) && seen.add(key)
    })
    if (fresh.length > 0 && output !== 'json' && output !== 'yaml') {
      if (!lines) {
        lines = await linesFor(context, client, fresh)
        startedAt = beginOf(fresh)
        print(context, lines.header)
      }
      print(context, ...fresh.map((event) => lines!.line(event, startedAt)))
    } else {
      for (const event of fresh) print(context, escapeIn(JSON.stringify(event)))
    }
    const table = found ? workflowSteps(found.workflow) : []
    if (table.length > 0 && found!.events.some(({ step }) => step === table.at(-1)!.step)) return
    await sleep(context.system.clock, POLL_MS, context.signal).catch(() => undefined)
  }
}
