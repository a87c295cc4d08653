/**
 * The completion script for zsh.
 */
import { type CommandSpec, quoted, spellings, valuesCode } from './command-spec.ts'

/** @returns the script; works sourced and as a file `_tributary` in `fpath` */
export function zshScript(commands: readonly CommandSpec[], kinds: readonly string[]): string {
  return `#compdef tributary
# zsh completion for tributary. Load it, after compinit, with: source <(tributary completion zsh)

# Sets subcommands, options (both name:description), valued and arguments of the command at path $1.
_tributary_command() {
  case "$1" in
${commands.map(commandCase).join('\n')}
    *) subcommands=() options=() valued=() arguments='@nothing' ;;
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
  "$_tributary_program" get "$kind" -o name "$@" 2>/dev/null | while IFS= read -r line; do
    print -r -- "\${line#*/}"
  done
}

_tributary() {
  local _tributary_program=\${(Q)words[1]} path_to='' first='' skip='' count=0 word i values
  local -a node subcommands options valued names kinds
  local arguments
  kinds=(${kinds.join(' ')})
  _tributary_command ''
  for ((i = 2; i < CURRENT; i++)); do
    word=\${(Q)words[i]}
    if [[ -n $skip ]]; then
      case $skip in
        --dir|--server|-n|--namespace) node+=("$skip" "\${word/#\\~/$HOME}") ;;
      esac
      skip=''
    elif [[ $word == -* ]]; then
      (( \${valued[(Ie)$word]} )) && skip=$word
    elif (( \${subcommands[(I)$word:*]} )); then
      path_to="\${path_to:+$path_to }$word"
      _tributary_command "$path_to"
    else
      (( count == 0 )) && first=$word
      (( count++ ))
    fi
  done
  if [[ -n $skip ]]; then
    values=$(_tributary_option_values "$path_to" "$skip")
  elif [[ $PREFIX == --*=* ]]; then
    values=$(_tributary_option_values "$path_to" "\${PREFIX%%=*}")
    compset -P '*='
  elif [[ $PREFIX == -* ]]; then
    _describe -o option options
    return
  elif (( \${#subcommands} )); then
    _describe command subcommands
    return
  else
    values=$arguments
  fi
  case $values in
    @nothing) _message 'no completion' ;;
    @files) _files ;;
    @folders) _files -/ ;;
    @kinds) compadd -a kinds ;;
    @names:*)
      names=(\${(f)"$(_tributary_names "\${values#@names:}" $node)"})
      compadd -a names
      ;;
    @targets)
      if [[ $PREFIX == */* ]]; then
        local kind=\${PREFIX%%/*}
        compset -P '*/'
        names=(\${(f)"$(_tributary_names "$kind" $node)"})
        compadd -a names
      elif (( count == 0 )); then
        compadd -a kinds
      elif [[ $first != */* && $first != *,* ]]; then
        names=(\${(f)"$(_tributary_names "$first" $node)"})
        compadd -a names
      fi
      ;;
    *) compadd -- \${=values} ;;
  esac
}

if [[ "\${funcstack[1]}" == _tributary ]]; then
  _tributary "$@"
else
  compdef _tributary tributary
fi
`
}

function commandCase({ path, options, subcommands, arguments: values }: CommandSpec): string {
  const all = options.flatMap((option) =>
    spellings(option).map((spelling) => described(spelling, option.description)),
  )
  const valued = options.filter(({ value }) => value !== undefined).flatMap(spellings)
  return `    ${quoted(path)})
      subcommands=(${subcommands.map(({ name, description }) => described(name, description)).join(' ')})
      options=(${all.join(' ')})
      valued=(${valued.join(' ')})
      arguments=${quoted(valuesCode(values))}
      ;;`
}

function described(name: string, description: string): string {
  return quoted(`${name}:${description.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}`)
}

function optionCases({ path, options }: CommandSpec): readonly string[] {
  return options.flatMap((option) => {
    if (option.value === undefined || option.value.of === 'nothing') return []
    const patterns = spellings(option).map((spelling) => quoted(`${path}:${spelling}`))
    return [`    ${patterns.join('|')}) echo ${quoted(valuesCode(option.value))} ;;`]
  })
}
