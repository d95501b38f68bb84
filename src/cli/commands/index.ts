import type { AddCommand } from '../command.ts'
import { addAnchorCommand } from './anchor.ts'
import { addAuthorityCommand } from './authority.ts'
import { addBackupCommand } from './backup.ts'
import { addBenchCommand } from './bench.ts'
import { addChangedRowsCommand } from './changed-rows.ts'
import { addClientCommand } from './client.ts'
import { addCompletionCommand } from './completion.ts'
import { addConfigCommand } from './config.ts'
import { addDecodeCommand } from './decode.ts'
import { addDoctorCommand } from './doctor.ts'
import { addHelpCommand } from './help.ts'
import { addInitCommand } from './init.ts'
import { addJobCommand } from './job.ts'
import { addKeyCommand } from './key.ts'
import { addOperatorCommand } from './operator.ts'
import { addRoleCommand } from './role.ts'
import { addScrubCommand } from './scrub.ts'
import { addServerCertificateCommand } from './server-certificate.ts'
import { addServerCommand } from './server.ts'
import { addSnippetCommand } from './snippet.ts'
import { addStatusCommand } from './status.ts'
import { addTenantCommand } from './tenant.ts'
import { addVersionCommand } from './version.ts'

/** Every command, in the order of the help: one file and one line for each. */
export const commands: readonly AddCommand[] = [
  addServerCommand,
  addInitCommand,
  addAnchorCommand,
  addServerCertificateCommand,
  addTenantCommand,
  addClientCommand,
  addRoleCommand,
  addAuthorityCommand,
  addSnippetCommand,
  addKeyCommand,
  addOperatorCommand,
  addBackupCommand,
  addJobCommand,
  addScrubCommand,
  addChangedRowsCommand,
  addStatusCommand,
  addDoctorCommand,
  addDecodeCommand,
  addBenchCommand,
  addConfigCommand,
  addCompletionCommand,
  addVersionCommand,
  addHelpCommand,
]
