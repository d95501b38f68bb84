import { loadCommand } from '../../bench/command.ts'
import type { AddCommand } from '../command.ts'

/** `krypton bench`: load on any KMIP server, and how it answers. */
export const addBenchCommand: AddCommand = (program, terminal) => {
  program.addCommand(loadCommand('bench', 'krypton bench', terminal))
}
