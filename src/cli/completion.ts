/**
 * `tributary completion`: scripts with which shells complete verbs, options, kinds and names.
 *
 * Made from the very commands that the program has, so that they cannot be out of date.
 */
import { Argument, type Command } from 'commander'
import { bashScript } from './completion/bash.ts'
import { describeCommands } from './completion/command-spec.ts'
import { fishScript } from './completion/fish.ts'
import { zshScript } from './completion/zsh.ts'
import { examples } from './options.ts'
import type { Verb } from './verb.ts'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

export const completionVerb: Verb = (program, context) => {
  program
    .command('completion')
    .description('a script that makes your shell complete commands, kinds and names')
    .addArgument(new Argument('<shell>', 'for which shell').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      examples(
        ['source <(tributary completion bash)', 'now; in ~/.bashrc for good'],
        ['source <(tributary completion zsh)', 'now; in ~/.zshrc, after compinit, for good'],
        ['tributary completion fish > ~/.config/fish/completions/tributary.fish', 'for good'],
      ),
    )
    .action(async (shell: keyof typeof SCRIPTS, _options: unknown, command: Command) => {
      const { ALL_KINDS } = await import('../objects/index.ts')
      const kinds = [...new Set(ALL_KINDS.map(({ plural }) => plural))].sort()
      context.stdout.write(SCRIPTS[shell](describeCommands(command.parent!), kinds))
    })
}
