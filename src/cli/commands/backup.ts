import { systemClock } from '../../clock.ts'
import { KryptonError } from '../../errors.ts'
import { type AddCommand, ask, checkName, examples, type ServerFlags, withServer } from '../command.ts'

/** `krypton backup`: which copies of the database are kept. Old versions of keys wait for them. */
export const addBackupCommand: AddCommand = (program, terminal) => {
  const backup = program
    .command('backup')
    .description('copies of the database that are kept: keys in them are not let go')
  withServer(
    backup
      .command('note')
      .description('note a copy that was made: no version of a key that exists now is deleted before it is forgotten')
      .argument('<name>', 'a name for it')
      .option('--days <number>', 'for how long it is to be kept')
      .option('--until <date>', 'until when it is to be kept, as 2030-12-31'),
  )
    .addHelpText(
      'after',
      examples('krypton backup note nightly-2030-01-31 --days 90', 'krypton backup note yearly --until 2040-12-31'),
    )
    .action((name: string, flags: NoteFlags) => {
      checkName('the name of a backup', name)
      const until = endOf(flags)
      return ask(terminal, flags, async (server, output) => output.thing(await server.noteBackup({ name, until })))
    })
  withServer(backup.command('list').description('list the copies that are kept, and until when'))
    .addHelpText('after', examples('krypton backup list', 'krypton backup list -o json'))
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) =>
        output.list(await server.listBackups(), { NAME: 'name', NOTED: 'noted', UNTIL: 'until' }),
      ),
    )
  withServer(
    backup
      .command('forget')
      .description('say that a copy is gone: keys that waited for it may go')
      .argument('<name>', 'the name that it was noted with'),
  )
    .addHelpText('after', examples('krypton backup forget nightly-2030-01-31'))
    .action((name: string, flags: ServerFlags) => {
      checkName('the name of a backup', name)
      return ask(terminal, flags, async (server, output) => output.thing(await server.forgetBackup(name)))
    })
}

interface NoteFlags extends ServerFlags {
  readonly days?: string
  readonly until?: string
}

/** RFC 3339. A day is kept to its end. */
function endOf({ days, until }: NoteFlags): string {
  if ((days === undefined) === (until === undefined))
    throw new KryptonError('usage', 'say how long the copy is kept: --days 90 or --until 2030-12-31')
  if (days !== undefined) {
    if (!/^[1-9][0-9]{0,4}$/.test(days)) throw new KryptonError('usage', '--days takes a number of days, 1 to 99999')
    return new Date(systemClock.now() + Number(days) * 86_400_000).toISOString()
  }
  const end = new Date(`${until}T23:59:59.000Z`)
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(until!) || Number.isNaN(end.getTime()))
    throw new KryptonError('usage', '--until takes a day, as 2030-12-31')
  return end.toISOString()
}
