import type { AddCommand } from '../command.ts'

/** Every command by its name, in the order of the help: one file and one line for each. Only what a command line asks for is loaded. */
export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  server: async () => (await import('./server.ts')).addServerCommand,
  init: async () => (await import('./init.ts')).addInitCommand,
  anchor: async () => (await import('./anchor.ts')).addAnchorCommand,
  'server-certificate': async () => (await import('./server-certificate.ts')).addServerCertificateCommand,
  tenant: async () => (await import('./tenant.ts')).addTenantCommand,
  client: async () => (await import('./client.ts')).addClientCommand,
  role: async () => (await import('./role.ts')).addRoleCommand,
  authority: async () => (await import('./authority.ts')).addAuthorityCommand,
  snippet: async () => (await import('./snippet.ts')).addSnippetCommand,
  key: async () => (await import('./key.ts')).addKeyCommand,
  operator: async () => (await import('./operator.ts')).addOperatorCommand,
  backup: async () => (await import('./backup.ts')).addBackupCommand,
  job: async () => (await import('./job.ts')).addJobCommand,
  scrub: async () => (await import('./scrub.ts')).addScrubCommand,
  'changed-rows': async () => (await import('./changed-rows.ts')).addChangedRowsCommand,
  status: async () => (await import('./status.ts')).addStatusCommand,
  doctor: async () => (await import('./doctor.ts')).addDoctorCommand,
  decode: async () => (await import('./decode.ts')).addDecodeCommand,
  bench: async () => (await import('./bench.ts')).addBenchCommand,
  config: async () => (await import('./config.ts')).addConfigCommand,
  completion: async () => (await import('./completion.ts')).addCompletionCommand,
  version: async () => (await import('./version.ts')).addVersionCommand,
  help: async () => (await import('./help.ts')).addHelpCommand,
}

/** The commands that such a line needs: the one that it names, or all where the line, or the command that it names, is about all of them. */
export function commandsFor([name]: readonly string[]): readonly (() => Promise<AddCommand>)[] {
  const named = name === undefined || ofAll.has(name) || !Object.hasOwn(commands, name) ? undefined : commands[name]
  return named === undefined ? Object.values(commands) : [named]
}

const ofAll = new Set(['completion', 'help'])
