/**
 * `tributary demo`: plays a whole workflow with real nodes, and checks it.
 */
import { InvalidArgumentError } from 'commander'
import { CliError } from './cli-error.ts'
import { type Context, note } from './context.ts'
import { examples, optionsOf, outputOption } from './options.ts'
import { commandOf, type Verb } from './verb.ts'

interface DemoOptions {
  readonly workflow: number
  readonly keep?: boolean
  readonly output?: string
}

export const demoVerb: Verb = (program, context) => {
  program
    .command('demo')
    .description('see it work: nodes in processes of their own, a workload that runs on bought resources')
    .option('--workflow <number>', 'which of the workflows', workflowArgument, 1)
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
          ['tributary demo -o json', 'for programs'],
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

async function demo(context: Context, { workflow, keep = false, output }: DemoOptions): Promise<void> {
  const [{ runDemo }, { silentReporter, textReporter }, { SCENARIOS }] = await Promise.all([
    import('./demo/run-demo.ts'),
    import('./demo/reporter.ts'),
    import('./demo/scenarios.ts'),
  ])
  const scenario = SCENARIOS.find((each) => each.workflow === workflow)
  if (!scenario) throw new CliError(`there is no demo of workflow ${workflow} yet`)
  const result = await runDemo(context, {
    scenario,
    keep,
    reporter: (names) => (output === 'json' ? silentReporter : textReporter(context, names)),
  }).catch((error: unknown) => {
    if (context.signal.aborted)
      note(context, 'interrupted: the nodes have been stopped, nothing is left behind')
    throw error
  })
  if (output === 'json') context.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
  if (result.error !== undefined) throw new CliError(`the demo failed: ${result.error}`)
}
