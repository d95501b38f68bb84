import { KryptonError } from '../../errors.ts'
import { type AddCommand, ask, examples, type ServerFlags, withServer } from '../command.ts'

/** `krypton operator`: the MasterKey and its seal. */
export const addOperatorCommand: AddCommand = (program, terminal) => {
  const operator = program
    .command('operator')
    .description('the MasterKey, which every other key hangs on, and its seal')
  withServer(
    operator
      .command('rotate')
      .description('begin a new epoch: a new MasterKey, under which IVKs and the integrity key are wrapped anew')
      .option('--dry-run', 'only say what would be touched')
      .option('--yes', 'do it: without this nothing is done'),
  )
    .addHelpText(
      'after',
      examples('krypton operator rotate --dry-run', 'krypton operator rotate --yes') +
        '\nPrints what the configuration is to pin from then on: a server that pins the former epoch does not start.\n',
    )
    .action((flags: ServerFlags & { dryRun?: boolean; yes?: boolean }) => {
      if ((flags.dryRun === true) === (flags.yes === true))
        throw new KryptonError('usage', 'say --dry-run to see what would be touched, or --yes to do it')
      return ask(terminal, flags, async (server, output) => {
        if (flags.dryRun === true) {
          const { backups, ...counts } = await server.foreseeEpoch()
          const remains = backups.map((backup) => `${backup.name} until ${backup.until}`)
          return output.thing({ ...counts, backups: output.format === 'table' ? remains : backups })
        }
        const { pinned, ...pins } = await server.rotateMasterKey()
        output.thing(pins)
        if (!pinned) return output.talk('\nThe configuration pins no epoch: there is nothing to change in it.\n')
        output.talk(
          '\nChange these two lines in section seal of krypton.yaml now: the next start refuses without.\n\n' +
            `  verifier: ${pins.verifier}\n  epoch: ${pins.epoch}\n\n` +
            'Keep what is printed here apart from the database: it tells this epoch from one that somebody else has put there.\n',
        )
      })
    })
}
