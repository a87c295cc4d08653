/**
 * The completion script for fish.
 */
import { type CommandSpec, type OptionSpec, spellings, type Values } from './command-spec.ts'

/** @returns the script */
export function fishScript(commands: readonly CommandSpec[], kinds: readonly string[]): string {
  return `# fish completion for tributary: tributary completion fish > ~/.config/fish/completions/tributary.fish

# Whether option $argv[2] of the command at path $argv[1] takes a value.
function __tributary_takes_value
    switch "$argv[1]:$argv[2]"
${commands.flatMap(valuedCase).join('\n')}
            return 0
    end
    return 1
end

# Whether $argv[2] is a subcommand of the command at path $argv[1].
function __tributary_is_subcommand
    switch "$argv[1]:$argv[2]"
${commands.flatMap(subcommandCase).join('\n')}
            return 0
    end
    return 1
end

# Reads the words before the cursor: prints the path of the command, the number of its arguments, the first of
# them, and then the options that say which node and which namespace, one per line.
function __tributary_read
    set -l path ''
    set -l skip ''
    set -l arguments
    set -l node
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            if contains -- $skip --dir --server -n --namespace
                set -a node $skip $word
            end
            set skip ''
        else if string match -q -- '-*' $word
            if __tributary_takes_value "$path" $word
                set skip $word
            else if string match -qr -- '^--(dir|server|namespace)=' $word
                set -a node $word
            end
        else if __tributary_is_subcommand "$path" $word
            set path (string trim "$path $word")
        else
            set -a arguments $word
        end
    end
    printf '%s\\n' "$path" (count $arguments) "$arguments[1]" $node
end

function __tributary_at
    set -l read (__tributary_read)
    test "$read[1]" = "$argv[1]"
end

# Prints the names of the objects of kind $argv[1].
function __tributary_names
    set -l read (__tributary_read)
    tributary get $argv[1] -o name $read[4..-1] 2>/dev/null | string replace -r '^[^/]*/' ''
end

function __tributary_kinds
    printf '%s\\n' ${kinds.join(' ')}
end

# A kind, then names of objects of that kind; or kind/name.
function __tributary_targets
    set -l read (__tributary_read)
    set -l token (commandline -ct)
    if string match -q '*/*' -- $token
        set -l kind (string replace -r '/.*' '' -- $token)
        for name in (__tributary_names $kind)
            echo $kind/$name
        end
    else if test $read[2] -eq 0
        __tributary_kinds
    else if not string match -qr '[/,]' -- $read[3]
        __tributary_names $read[3]
    end
end

complete -c tributary -f
${commands.flatMap(completions).join('\n')}
`
}

/** For fish, in whose single quotes only the quote and the backslash are special. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function valuedCase({ path, options }: CommandSpec, index: number): readonly string[] {
  const words = options.filter(({ value }) => value !== undefined).flatMap(spellings)
  return caseLine(path, words, index)
}

function subcommandCase({ path, subcommands }: CommandSpec, index: number): readonly string[] {
  return caseLine(
    path,
    subcommands.map(({ name }) => name),
    index,
  )
}

/** One `case` for all: the patterns of every command go into one line each, joined by continuation. */
function caseLine(path: string, words: readonly string[], index: number): readonly string[] {
  const patterns = words.map((word) => fishQuoted(`${path}:${word}`)).join(' ')
  if (index === 0) return [`        case ${patterns}`]
  return words.length === 0 ? [] : [`            return 0\n        case ${patterns}`]
}

function completions(command: CommandSpec): readonly string[] {
  const { path, options, subcommands } = command
  const start = `complete -c tributary -n ${fishQuoted(`__tributary_at "${path}"`)}`
  return [
    ...subcommands.map(
      ({ name, description }) => `${start} -f -a ${fishQuoted(name)} -d ${fishQuoted(description)}`,
    ),
    ...options.map((option) => `${start} ${optionFlags(option)} -d ${fishQuoted(option.description)}`),
    ...argumentLines(start, command.arguments),
  ]
}

function optionFlags({ short, long, value }: OptionSpec): string {
  const names = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`
  return value === undefined ? names : `${names} ${valueFlags(value)}`
}

function valueFlags(value: Values): string {
  switch (value.of) {
    case 'files':
      return '-r -F'
    case 'folders':
      return `-x -a ${fishQuoted('(__fish_complete_directories)')}`
    case 'nothing':
      return '-x'
    default:
      return `-x -a ${fishQuoted(source(value))}`
  }
}

function argumentLines(start: string, values: Values): readonly string[] {
  switch (values.of) {
    case 'nothing':
      return []
    case 'files':
      return [`${start} -F`]
    case 'folders':
      return [`${start} -f -a ${fishQuoted('(__fish_complete_directories)')}`]
    default:
      return [`${start} -f -a ${fishQuoted(source(values))}`]
  }
}

function source(values: Exclude<Values, { of: 'files' | 'folders' | 'nothing' }>): string {
  switch (values.of) {
    case 'words':
      return values.words.join(' ')
    case 'kinds':
      return '(__tributary_kinds)'
    case 'names':
      return `(__tributary_names ${values.kind})`
    case 'targets':
      return '(__tributary_targets)'
  }
}
