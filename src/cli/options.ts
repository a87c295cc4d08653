/**
 * The options that many verbs share, so that they read and mean the same everywhere.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from './human-time.ts'

/** Accepted before the verb, too, as kubectl's are. */
export interface GlobalOptions {
  readonly dir?: string
  readonly server?: string
  readonly token?: string
  readonly certificateAuthority?: string
  readonly namespace?: string
  readonly output?: string
  readonly verbose?: boolean
}

export type OutputFormat = 'json' | 'yaml' | 'wide' | 'name'

const DIR = () =>
  new Option(
    '--dir <dir>',
    "the node's directory (default: $TRIBUTARY_DIR, ./tributary-node or ~/.tributary)",
  )
const SERVER = () =>
  new Option('--server <url>', 'https URL of the control API (default: the socket of the node in --dir)')
const TOKEN = () => new Option('--token <token>', 'for --server (default: $TRIBUTARY_TOKEN)')
const AUTHORITY = () =>
  new Option(
    '--certificate-authority <file>',
    'whose certificate --server shows, PEM (default: $TRIBUTARY_CERTIFICATE_AUTHORITY)',
  )
const NAMESPACE = () => new Option('-n, --namespace <name>', 'namespace (default: "default")')
const VERBOSE = () => new Option('-v, --verbose', 'say more when something goes wrong')

/** `-o`, with the formats that the verb knows. */
export function outputOption(formats: readonly OutputFormat[]): Option {
  return new Option('-o, --output <format>', `output format`).choices([...formats])
}

/** The root's own; recognized before the verb. */
export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(DIR())
    .addOption(SERVER())
    .addOption(TOKEN())
    .addOption(AUTHORITY())
    .addOption(NAMESPACE())
    .addOption(VERBOSE())
}

/** For verbs that work in a node's directory. */
export function addDirOptions(command: Command): Command {
  return command.addOption(DIR()).addOption(VERBOSE())
}

/** For verbs that talk to a running node. */
export function addClientOptions(command: Command): Command {
  return command
    .addOption(DIR())
    .addOption(SERVER())
    .addOption(TOKEN())
    .addOption(AUTHORITY())
    .addOption(VERBOSE())
}

/** For those whose objects have a namespace. */
export function addNamespaceOptions(command: Command): Command {
  return addClientOptions(command).addOption(NAMESPACE())
}

/** @returns the options of a command and, where it says nothing, those given before the verb */
export function optionsOf<T extends object>(command: Command): T & GlobalOptions {
  const chain: Command[] = []
  for (let at: Command | null = command; at; at = at.parent) chain.unshift(at)
  const merged: Record<string, unknown> = {}
  for (const each of chain) {
    for (const [name, value] of Object.entries(each.opts())) {
      const isDefault = each.getOptionValueSource(name) === 'default'
      if (value !== undefined && !(isDefault && name in merged)) merged[name] = value
    }
  }
  return merged as T & GlobalOptions
}

/** For options that take a duration. @returns milliseconds */
export function durationArgument(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined) throw new InvalidArgumentError('Want a duration such as 30s, 5m or 24h.')
  return ms
}

/** For options that take a count. */
export function countArgument(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Want a whole number.')
  return Number(text)
}

/** @returns the text of `addHelpText('after', …)`: a list of commands with what each does */
export function examples(...lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}   # ${meaning}`).join('\n')}\n`
}
