import { Argument, type Command } from 'commander'
import { examples, type AddCommand } from '../command.ts'

/** `krypton completion`: a script for the shell, printed and not installed. */
export const addCompletionCommand: AddCommand = (program, terminal) => {
  program
    .command('completion')
    .description('print a script that completes commands and flags')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples(
        'source <(krypton completion bash)',
        'krypton completion fish > ~/.config/fish/completions/krypton.fish',
      ),
    )
    .action((shell: 'bash' | 'zsh' | 'fish') => terminal.writeData(scripts[shell](words(program))))
}

/** What may follow each chain of commands: subcommands and long flags. */
function words(command: Command, path: readonly string[] = []): Map<string, string[]> {
  const flags = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]))
  const found = new Map([[path.join(' '), [...command.commands.map((child) => child.name()), ...flags, '--help']]])
  for (const child of command.commands)
    for (const [at, list] of words(child, [...path, child.name()])) found.set(at, list)
  return found
}

function bash(table: Map<string, string[]>): string {
  const cases = [...table].map(([path, list]) => `    "${path}") words="${list.join(' ')}" ;;`).join('\n')
  return `_krypton() {
  local path="" word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in -*) ;; *) case "$path" in *' '*) ;; '') path="$word" ;; *) path="$path $word" ;; esac ;; esac
  done
  case "$path" in
${cases}
    *' '*) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _krypton krypton
`
}

function zsh(table: Map<string, string[]>): string {
  return `#compdef krypton\nautoload -U +X bashcompinit && bashcompinit\n${bash(table)}`
}

function fish(table: Map<string, string[]>): string {
  const lines = [...table].flatMap(([path, list]) => {
    const condition = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path}`
    return list.map((word) =>
      word.startsWith('--')
        ? `complete -c krypton -n '${condition}' -l ${word.slice(2)}`
        : `complete -c krypton -f -n '${condition}' -a ${word}`,
    )
  })
  return `${lines.join('\n')}\n`
}

const scripts = { bash, zsh, fish }
