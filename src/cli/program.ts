import { Command, CommanderError } from 'commander'
import { KryptonError } from '../errors.ts'
import { version } from '../version.ts'
import { commands } from './commands/index.ts'
import { ExitCode, exitCodeOf } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

/** The krypton command with all that is below it. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command('krypton')
    .description('Key management for databases: a KMIP server and what runs it')
    .version(version, '-V, --version')
    .helpCommand('help [command]', 'help for a command')
    .showHelpAfterError('(--help shows what is allowed)')
  for (const add of commands) add(program, terminal)
  const settle = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: terminal.writeData, writeErr: terminal.writeTalk })
    command.commands.forEach(settle)
  }
  settle(program)
  return program
}

/** Runs one command line and resolves to its exit code; what went wrong is told on the terminal. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await buildProgram(terminal).parseAsync(args, { from: 'user' })
    return ExitCode.Ok
  } catch (error) {
    // commander has told its own findings already.
    if (!(error instanceof CommanderError)) terminal.writeTalk(`krypton: ${told(error)}\n`)
    return exitCodeOf(error)
  }
}

function told(error: unknown): string {
  if (error instanceof KryptonError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
