/**
 * What a verb of the command line is.
 */
import type { Command } from 'commander'
import type { Context } from './context.ts'

/**
 * Adds a command to the program. Whatever is expensive to load is imported when the command runs.
 * @param program the root command
 */
export type Verb = (program: Command, context: Context) => void

/** @returns the command that an action was called for: always its last argument */
export function commandOf(actionArguments: readonly unknown[]): Command {
  return actionArguments.at(-1) as Command
}
