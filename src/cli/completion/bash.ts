/**
 * The completion script for bash, 3.2 (macOS) and later. Needs no other package.
 */
import { type CommandSpec, quoted, spellings, valuesCode } from './command-spec.ts'

/** @returns the script */
export function bashScript(commands: readonly CommandSpec[], kinds: readonly string[]): string {
  return `# bash completion for tributary. Load it with: source <(tributary completion bash)

# Sets subcommands, options, valued (options that take a value) and arguments of the command at path $1.
_tributary_command() {
  case "$1" in
${commands.map(commandCase).join('\n')}
    *) subcommands='' options='' valued='' arguments='@nothing' ;;
  esac
}

# Prints what may follow option $2 of the command at path $1.
_tributary_option_values() {
  case "$1:$2" in
${commands.flatMap(optionCases).join('\n')}
    *) echo '@nothing' ;;
  esac
}

# Prints the names of the objects of kind $1; further arguments say which node, which namespace.
_tributary_names() {
  local kind=$1 line
  shift
  "\${_tributary_program:-tributary}" get "$kind" -o name "$@" 2>/dev/null | while IFS= read -r line; do
    echo "\${line#*/}"
  done
}

_tributary() {
  local _tributary_program=\${COMP_WORDS[0]} path='' first='' skip='' count=0 cur word i values
  local subcommands options valued arguments
  local -a node=()
  COMPREPLY=()
  _tributary_command ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then
      continue
    elif [[ -n $skip ]]; then
      case "$skip" in
        --dir | --server | -n | --namespace) node+=("$skip" "\${word/#\\~/$HOME}") ;;
      esac
      skip=''
    elif [[ $word == -* ]]; then
      case " $valued " in *" $word "*) skip=$word ;; esac
    else
      case " $subcommands " in
        *" $word "*)
          path="\${path:+$path }$word"
          _tributary_command "$path"
          ;;
        *)
          if [[ $count -eq 0 ]]; then first=$word; fi
          count=$((count + 1))
          ;;
      esac
    fi
  done
  cur=\${COMP_WORDS[COMP_CWORD]}
  if [[ $cur == '=' ]]; then cur=''; fi
  if [[ -n $skip ]]; then
    values=$(_tributary_option_values "$path" "$skip")
  elif [[ $cur == -* ]]; then
    values=$options
  elif [[ -n $subcommands ]]; then
    values=$subcommands
  else
    values=$arguments
  fi
  local IFS=$' \\t\\n'
  case "$values" in
    @nothing) ;;
    @files | @folders)
      IFS=$'\\n'
      if [[ $values == @files ]]; then COMPREPLY=($(compgen -f -- "$cur")); else COMPREPLY=($(compgen -d -- "$cur")); fi
      compopt -o filenames 2>/dev/null
      ;;
    @kinds) COMPREPLY=($(compgen -W '${kinds.join(' ')}' -- "$cur")) ;;
    @names:*) COMPREPLY=($(compgen -W "$(_tributary_names "\${values#@names:}" "\${node[@]}")" -- "$cur")) ;;
    @targets)
      if [[ $cur == */* ]]; then
        COMPREPLY=($(compgen -P "\${cur%%/*}/" -W "$(_tributary_names "\${cur%%/*}" "\${node[@]}")" -- "\${cur#*/}"))
      elif [[ $count -eq 0 ]]; then
        COMPREPLY=($(compgen -W '${kinds.join(' ')}' -- "$cur"))
      elif [[ $first != */* && $first != *,* ]]; then
        COMPREPLY=($(compgen -W "$(_tributary_names "$first" "\${node[@]}")" -- "$cur"))
      fi
      ;;
    *) COMPREPLY=($(compgen -W "$values" -- "$cur")) ;;
  esac
}

complete -F _tributary tributary
`
}

function commandCase({ path, options, subcommands, arguments: values }: CommandSpec): string {
  const all = options.flatMap(spellings)
  const valued = options.filter(({ value }) => value !== undefined).flatMap(spellings)
  return `    ${quoted(path)})
      subcommands=${quoted(subcommands.map(({ name }) => name).join(' '))}
      options=${quoted(all.join(' '))}
      valued=${quoted(valued.join(' '))}
      arguments=${quoted(valuesCode(values))}
      ;;`
}

function optionCases({ path, options }: CommandSpec): readonly string[] {
  return options.flatMap((option) => {
    if (option.value === undefined || option.value.of === 'nothing') return []
    const patterns = spellings(option).map((spelling) => quoted(`${path}:${spelling}`))
    return [`    ${patterns.join(' | ')}) echo ${quoted(valuesCode(option.value))} ;;`]
  })
}
