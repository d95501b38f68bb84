import type { Terminal } from './terminal.ts'

/**
 * Hints name the command as it was called, so that they can be pasted: `bin/krypton` in a checkout. Texts call it `krypton`;
 * this puts the path in its place where one of its commands or a flag follows.
 */
export function asCalled(text: string, terminal: Pick<Terminal, 'environment'>): string {
  const called = terminal.environment['KRYPTON_COMMAND'] ?? 'krypton'
  return called === 'krypton' ? text : text.replaceAll(commandInText, () => called)
}

/** Not the name of a file (krypton.yaml) and not a part of a longer name. */
const commandInText =
  /(?<![\w./-])krypton(?= (?:--|\[|server|init|tenant|client|snippet|status|doctor|decode|config|completion|help|version))/g
