/**
 * `tributary demo`: plays a whole workflow with real nodes, and checks it.
 */
import { InvalidArgumentError, Option } from 'commander'
import { CliError } from './cli-error.ts'
import { type Context, note, print } from './context.ts'
import type { DemoResult } from './demo/result.ts'
import type { Scenario } from './demo/scenario.ts'
import { humanMs } from './human-time.ts'
import { examples, optionsOf, outputOption } from './options.ts'
import { withNodeNames } from './peer-names.ts'
import { encodeAs } from './print-objects.ts'
import { styleFor } from './style.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

interface DemoOptions {
  readonly workflow: number
  readonly all?: boolean
  readonly keep?: boolean
  readonly output?: string
}

export const demoVerb: Verb = (program, context) => {
  program
    .command('demo')
    .description('see it work: nodes in processes of their own, a workload that runs on bought resources')
    .option('--workflow <number>', 'which of the workflows', workflowArgument, 1)
    .addOption(new Option('--all', 'all workflows, one after the other').conflicts(['workflow', 'keep']))
    .option('--keep', 'leave the nodes running, and say how to look at them')
    .addOption(outputOption(['json']))
    .addHelpText(
      'after',
      `
Uses free ports and a temporary folder, and leaves nothing behind. Exits with 1 when a step of the workflow
is missing or out of order, when the workload cannot be reached, or when something is left over.
` +
        examples(
          ['tributary demo', 'two nodes of one domain'],
          ['tributary demo --keep', '… to look at afterwards'],
          ['tributary demo --workflow 3', 'two domains, whose supernodes stand in between'],
          ['tributary demo --all', 'all of them, one after the other'],
          ['tributary demo -o json', 'for programs; with --all an array'],
          ['npm run --silent demo -- -o json', 'the same from a checkout, without what npm says'],
        ),
    )
    .action(async (...args: unknown[]) =>
      demo(context, optionsOf<DemoOptions>(commandOf(args)) as DemoOptions),
    )
}

function workflowArgument(text: string): number {
  if (!/^[1-4]$/.test(text)) throw new InvalidArgumentError('Want 1, 2, 3 or 4.')
  return Number(text)
}

async function demo(
  context: Context,
  { workflow, all = false, keep = false, output }: DemoOptions,
): Promise<void> {
  const { SCENARIOS } = await import('./demo/scenarios.ts')
  const scenarios = all ? SCENARIOS : SCENARIOS.filter((each) => each.workflow === workflow)
  if (scenarios.length === 0) throw new CliError(`there is no demo of workflow ${workflow} yet`)
  const json = output === 'json'
  const results: DemoResult[] = []
  for (const scenario of scenarios) {
    if (!json && results.length > 0) print(context, '', '')
    results.push(await playOne(context, scenario, keep, json))
  }
  if (json) context.stdout.write(encodeAs('json', all ? results : results[0]))
  else if (all) print(context, ...summary(context, scenarios, results))
  const failed = results.filter(({ error }) => error !== undefined)
  if (failed.length === 0) return
  const reasons = failed.map((each) =>
    all ? `the demo of workflow ${each.workflow} failed: ${each.error}` : `the demo failed: ${each.error}`,
  )
  throw new CliError(withNodeNames(reasons.join('\n')))
}

async function playOne(
  context: Context,
  scenario: Scenario,
  keep: boolean,
  silent: boolean,
): Promise<DemoResult> {
  const [{ runDemo }, { silentReporter, textReporter }] = await Promise.all([
    import('./demo/run-demo.ts'),
    import('./demo/reporter.ts'),
  ])
  return runDemo(context, {
    scenario,
    keep,
    reporter: (names) => (silent ? silentReporter : textReporter(context, names)),
  }).catch((error: unknown) => {
    if (context.signal.aborted)
      note(context, 'interrupted: the nodes have been stopped, nothing is left behind')
    throw error
  })
}

/** A line for each workflow, after all of them have been played. */
function summary(
  context: Context,
  scenarios: readonly Scenario[],
  results: readonly DemoResult[],
): readonly string[] {
  const style = styleFor(context, context.stdout)
  const rows = results.map(({ workflow, steps, totalMs, error }, index) => [
    error === undefined ? style.green('✓') : style.red('✗'),
    `workflow ${workflow}`,
    scenarios[index]!.title,
    `${steps.length} steps`,
    humanMs(totalMs),
  ])
  return ['', '', style.bold('All workflows'), ...formatTable(rows, { indent: 2, gap: 2, right: [3, 4] })]
}
