import type { Command } from 'commander'
import { join } from 'node:path'
import { AdminClient } from '../admin/client.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { shellWord } from '../shell-word.ts'
import { Output, outputFormats, type OutputFlags } from './output.ts'
import type { Terminal } from './terminal.ts'

/** One file of `commands/`: puts its command on the program. */
export type AddCommand = (program: Command, terminal: Terminal) => void

/** Flags of a command that asks a running server. */
export interface ServerFlags extends OutputFlags {
  readonly dir?: string
}

/** Gives a command the flags for the form of its output. */
export function withOutput(command: Command): Command {
  return command
    .option('-o, --output <form>', `${outputFormats.join(', ')} (default: KRYPTON_OUTPUT, else table)`)
    .option('--json', 'the same as -o json')
}

/** Gives a command the flags of one that asks the running server. */
export function withServer(command: Command): Command {
  return withOutput(command).option('--dir <directory>', 'directory of the instance (default: KRYPTON_DIR, else .)')
}

/** Collects a flag that may be repeated. */
export function gather(value: string, before: string[]): string[] {
  return [...before, value]
}

/** Text below a command's help: lines to paste. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join('')}`
}

/** Asks the running server and closes the connection, whatever came of it. */
export async function ask<T>(
  terminal: Terminal,
  flags: ServerFlags,
  question: (server: AdminClient, output: Output) => Promise<T>,
): Promise<T> {
  const output = await Output.open(terminal, flags)
  const directory = flags.dir ?? terminal.environment['KRYPTON_DIR'] ?? '.'
  const socket = terminal.environment['KRYPTON_ADMIN_SOCKET'] ?? join(directory, 'krypton.sock')
  const server = new AdminClient(socket)
  try {
    return await question(server, output)
  } finally {
    await server.close()
  }
}

/** The directory, for a hint at the next command. */
export function dirFlag({ dir }: ServerFlags): string {
  return dir === undefined ? '' : ` --dir ${shellWord(dir)}`
}

/** A name that may stand in paths and certificates. Throws 'usage' with the allowed form. */
export function checkName(what: string, name: string): void {
  if (name.length > limits.nameCharactersMax || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new KryptonError(
      'usage',
      `${what} must be a letter or digit, then up to ${limits.nameCharactersMax - 1} letters, digits, dots, underscores or hyphens`,
    )
}
