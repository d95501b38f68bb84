import { examples, withOutput, type AddCommand } from '../command.ts'
import { Output, type OutputFlags } from '../output.ts'
import { instanceConfig } from './config.ts'

interface AcceptFlags extends OutputFlags {
  readonly dir?: string
  readonly config?: string
  readonly reason: string
}

/** `krypton anchor`: what lies outside the database and tells it from an older one. */
export const addAnchorCommand: AddCommand = (program, terminal) => {
  const anchor = program.command('anchor').description('what tells the database from an older one that was put back')
  withOutput(
    anchor
      .command('accept')
      .description(
        'write the anchor anew for the database as it is, and give up what it has seen and the database lacks',
      )
      .option('--dir <directory>', 'directory of the instance (default: KRYPTON_DIR, else .)')
      .option('--config <file>', 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml in the directory)')
      .requiredOption('--reason <text>', 'why: it stands in the audit'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton anchor accept --dir /var/lib/krypton --reason "first anchor"',
        'krypton anchor accept --dir /var/lib/krypton --reason "backup of 2 May restored, ticket 4711"',
      ) +
        '\nThe server must be stopped. Keys that were destroyed and clients that were revoked after that database was copied are back:\n' +
        'destroy and revoke them again.\n',
    )
    .action(async (flags: AcceptFlags) => {
      const output = await Output.open(terminal, flags)
      const { config } = await instanceConfig(flags, terminal)
      const { acceptAnchor } = await import('../../krypton.ts')
      output.thing({ ...(await acceptAnchor(config, flags.reason)) })
    })
}
