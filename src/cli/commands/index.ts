import type { AddCommand } from '../command.ts'
import { addClientCommand } from './client.ts'
import { addCompletionCommand } from './completion.ts'
import { addConfigCommand } from './config.ts'
import { addDecodeCommand } from './decode.ts'
import { addInitCommand } from './init.ts'
import { addServerCommand } from './server.ts'
import { addStatusCommand } from './status.ts'
import { addTenantCommand } from './tenant.ts'
import { addVersionCommand } from './version.ts'

/** Every command, in the order of the help: one file and one line for each. */
export const commands: readonly AddCommand[] = [
  addServerCommand,
  addInitCommand,
  addTenantCommand,
  addClientCommand,
  addStatusCommand,
  addDecodeCommand,
  addConfigCommand,
  addCompletionCommand,
  addVersionCommand,
]
