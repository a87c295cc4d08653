/**
 * What a shell must know of each command. Pure.
 */
import type { Command, Option } from 'commander'

/** What can stand somewhere: fixed words, or something that only the file system or a running node knows. */
export type Values =
  | { readonly of: 'words'; readonly words: readonly string[] }
  | { readonly of: 'files' | 'folders' | 'nothing' }
  /** A kind, then names of objects of the kind; or `kind/name`. */
  | { readonly of: 'targets' }
  | { readonly of: 'kinds' }
  /** Names of objects of one kind. */
  | { readonly of: 'names'; readonly kind: string }

export interface OptionSpec {
  readonly short?: string
  readonly long: string
  readonly description: string
  /** Absent when the option takes no value. */
  readonly value?: Values
}

export interface CommandSpec {
  /** The words that lead to it, for example `peer accept`; empty for the program itself. */
  readonly path: string
  readonly options: readonly OptionSpec[]
  readonly subcommands: readonly { readonly name: string; readonly description: string }[]
  readonly arguments: Values
}

const NOTHING: Values = { of: 'nothing' }

/** What the words after a command are, where they are no subcommands. */
const ARGUMENTS: Readonly<Record<string, Values>> = {
  get: { of: 'targets' },
  describe: { of: 'targets' },
  delete: { of: 'targets' },
  explain: { of: 'kinds' },
  logs: { of: 'names', kind: 'pods' },
  trace: { of: 'names', kind: 'intents' },
  'peer accept': { of: 'names', kind: 'peers' },
  'peer reject': { of: 'names', kind: 'peers' },
  'contract verify': { of: 'files' },
  'domain init': { of: 'folders' },
}

const OPTION_VALUES: Readonly<Record<string, Values>> = {
  '--dir': { of: 'folders' },
  '--authority-dir': { of: 'folders' },
  '--filename': { of: 'files' },
  '--output': { of: 'files' },
  '--namespace': { of: 'names', kind: 'namespaces' },
}

/** @returns the program and all commands below it */
export function describeCommands(program: Command): readonly CommandSpec[] {
  const root = describeCommand(program, '')
  const verbs = root.subcommands.map(({ name }) => name)
  return [
    { ...root, subcommands: [...root.subcommands, { name: 'help', description: 'what a command does' }] },
    ...program.commands.flatMap((command) => below(command, '')),
    { path: 'help', options: [], subcommands: [], arguments: { of: 'words', words: verbs } },
  ]
}

function below(command: Command, parent: string): readonly CommandSpec[] {
  const path = parent === '' ? command.name() : `${parent} ${command.name()}`
  return [describeCommand(command, path), ...command.commands.flatMap((each) => below(each, path))]
}

function describeCommand(command: Command, path: string): CommandSpec {
  const choices = command.registeredArguments[0]?.argChoices
  return {
    path,
    options: [
      ...command.options.map(describeOption),
      { short: '-h', long: '--help', description: 'what it does, with examples' },
    ],
    subcommands: command.commands.map((each) => ({ name: each.name(), description: each.description() })),
    arguments: choices ? { of: 'words', words: choices } : (ARGUMENTS[path] ?? NOTHING),
  }
}

function describeOption(option: Option): OptionSpec {
  const { short, long, description, required, optional, argChoices } = option
  const takesValue = required || optional
  return {
    ...(short === undefined ? {} : { short }),
    long: long!,
    description,
    ...(takesValue
      ? { value: argChoices ? { of: 'words', words: argChoices } : (OPTION_VALUES[long!] ?? NOTHING) }
      : {}),
  }
}

/** @returns both spellings of an option */
export function spellings({ short, long }: OptionSpec): readonly string[] {
  return short === undefined ? [long] : [short, long]
}

/** @returns what follows, as one word that the scripts branch on: `@targets`, `@names:pods`, or the words themselves */
export function valuesCode(values: Values): string {
  switch (values.of) {
    case 'words':
      return values.words.join(' ')
    case 'names':
      return `@names:${values.kind}`
    default:
      return `@${values.of}`
  }
}

/** @returns `text` as one word for a POSIX-like shell */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
