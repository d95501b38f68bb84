import { Command, CommanderError } from 'commander'
import { KryptonError } from '../errors.ts'
import { version } from '../version.ts'
import { commandsFor } from './commands/index.ts'
import { ExitCode, exitCodeOf } from './exit-code.ts'
import { asCalled } from './hints.ts'
import type { Terminal } from './terminal.ts'

/** The krypton command with what is below it: all of it, or as much as is needed for the line `args`. */
export async function buildProgram(terminal: Terminal, args: readonly string[] = []): Promise<Command> {
  const program = new Command('krypton')
    .description('Key management for databases: a KMIP server and what runs it')
    .version(version, '-V, --version')
    .helpCommand(false)
  for (const add of await Promise.all(commandsFor(args).map((load) => load()))) add(program, terminal)
  const settle = (command: Command): void => {
    command
      .exitOverride()
      .helpCommand(false)
      .configureOutput({
        writeOut: (text) => terminal.writeData(asCalled(text, terminal)),
        writeErr: (text) => terminal.writeTalk(asCalled(text, terminal)),
        outputError: (text, write) =>
          write(`krypton: ${ownWords(text)}, ${pathOf(command)} --help shows what is allowed\n`),
      })
    command.commands.forEach(settle)
  }
  settle(program)
  return program
}

/** Runs one command line and resolves to its exit code; what went wrong is told on the terminal. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await (await buildProgram(terminal, args)).parseAsync(args, { from: 'user' })
    return ExitCode.Ok
  } catch (error) {
    // commander has told its own findings already.
    if (!(error instanceof CommanderError)) {
      for (const line of told(error).split('\n')) terminal.writeTalk(`krypton: ${asCalled(line, terminal)}\n`)
    }
    return exitCodeOf(error)
  }
}

/** commander's findings in one line of our form: `error: unknown option '--x'\n(Did you mean --y?)`. */
function ownWords(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\.?\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
}

/** `krypton client add`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function told(error: unknown): string {
  if (error instanceof KryptonError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
