/**
 * The command line as a whole: all verbs, their help, what happens with a word that is none.
 */
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { apiResourcesVerb } from './api-resources.ts'
import { applyVerb } from './apply.ts'
import { completionVerb } from './completion.ts'
import type { Context } from './context.ts'
import { contractVerb } from './contract.ts'
import { deleteVerb } from './delete.ts'
import { demoVerb } from './demo.ts'
import { describeVerb } from './describe.ts'
import { domainVerb } from './domain.ts'
import { explainVerb } from './explain.ts'
import { getVerb } from './get.ts'
import { initVerb } from './init.ts'
import { kubeconfigVerb } from './kubeconfig.ts'
import { logsVerb } from './logs.ts'
import { addGlobalOptions, examples } from './options.ts'
import { peerVerb } from './peer.ts'
import { planVerb } from './plan.ts'
import { startVerb } from './start.ts'
import { statusVerb } from './status.ts'
import { stopVerb } from './stop.ts'
import { tokenVerb } from './token.ts'
import { traceVerb } from './trace.ts'
import { versionVerb } from './version.ts'
import type { Verb } from './verb.ts'

/** In the order in which `help` shows them. */
const GROUPS: readonly (readonly [title: string, verbs: readonly Verb[]])[] = [
  ['Try it:', [demoVerb]],
  ['Run a node:', [initVerb, startVerb, statusVerb, stopVerb, domainVerb, peerVerb]],
  ['Let others in:', [kubeconfigVerb, tokenVerb]],
  ['Run workloads:', [applyVerb, planVerb, getVerb, describeVerb, traceVerb, logsVerb, deleteVerb]],
  ['More:', [contractVerb, explainVerb, apiResourcesVerb, completionVerb, versionVerb]],
]

/** @returns the root command; `parseAsync` rejects with a `CommanderError` instead of ending the process */
export function createProgram(context: Context): Command {
  const program = new Command('tributary')
  program
    .description('A computing-continuum node: sell spare compute to other domains and buy theirs.')
    .version(VERSION, '-V, --version', 'the version of this program')
    .helpOption('-h, --help', 'what a command does, with examples')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    })
    .addHelpText(
      'after',
      examples(
        ['tributary demo', 'two nodes, one workload: see it work'],
        ['tributary init --dir ./alpha', 'make a node'],
        ['tributary start --dir ./alpha', 'run it'],
        ['tributary apply -f hello.yaml --wait', 'ask for a workload to run'],
        ['tributary trace hello', 'see how it was placed, step by step'],
        ['tributary <command> --help', 'more about a command'],
      ) +
        `
Which node is meant: --server URL or $TRIBUTARY_SERVER, else the one that runs in --dir DIR, $TRIBUTARY_DIR,
./tributary-node (if it exists) or ~/.tributary. kubectl works as well, with: tributary kubeconfig

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 the node does not answer, 130 interrupted.
`,
    )
  addGlobalOptions(program)
  for (const [title, verbs] of GROUPS) {
    program.commandsGroup(title)
    for (const verb of verbs) verb(program, context)
  }
  program.helpCommand('help [command]', 'what a command does, with examples')
  return throwing(program)
}

/** Every command reports instead of ending the process, and says how to get help. */
function throwing(command: Command): Command {
  command.exitOverride()
  for (const each of command.commands) {
    each.copyInheritedSettings(command).helpCommand(false)
    throwing(each)
  }
  return command
}
