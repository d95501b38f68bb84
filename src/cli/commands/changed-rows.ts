import { type AddCommand, ask, examples, type ServerFlags, withServer } from '../command.ts'
import { KryptonError } from '../../errors.ts'

interface AcceptFlags extends ServerFlags {
  readonly dryRun?: boolean
  readonly code?: string
  readonly reason?: string
}

/** `krypton changed-rows`: rows of the database that somebody has changed from outside. What hangs on them is refused. */
export const addChangedRowsCommand: AddCommand = (program, terminal) => {
  const changedRows = program
    .command('changed-rows')
    .description('rows of the database that were changed from outside: what hangs on them is refused')
  withServer(changedRows.command('list').description('look now, and list what differs and what is refused for it'))
    .addHelpText('after', examples('krypton changed-rows list', 'krypton changed-rows list -o json') + `\n${coverage}`)
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => {
        const found = await server.listChangedRows()
        output.list(found, columns)
        if (found.length === 0) output.talk(coverage)
      }),
    )
  withServer(
    changedRows
      .command('accept')
      .description(
        'take the changed rows of a table for those that were written: somebody else decides then who is trusted',
      )
      .argument('<table>', 'name of the table')
      .option('--dry-run', 'only list what differs, with its code')
      .option('--code <code>', 'the code of the difference, as it was listed')
      .option('--reason <text>', 'why nothing can be restored: it stands in the audit'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton changed-rows accept clients --dry-run',
        'krypton changed-rows accept clients --code 0123456789abcdef --reason "no backup since, ticket 4711"',
      ) +
        '\nRestore the database from a backup instead, if there is one. What is accepted counts for ever: a client that was revoked and put back is\n' +
        'let in, a key that was compromised and put back is used, a lock that was taken away is gone. Revoke, destroy and lock it again at once.\n',
    )
    .action((table: string, flags: AcceptFlags) => {
      const { dryRun, code, reason } = flags
      if (dryRun !== true && (code === undefined || reason === undefined || reason === ''))
        throw new KryptonError(
          'usage',
          'say --dry-run to see what differs, or --code with the code that it shows and --reason to accept exactly that',
        )
      return ask(terminal, flags, async (server, output) => {
        if (code === undefined || reason === undefined || dryRun === true) {
          const found = (await server.listChangedRows()).filter((changed) => changed.table === table)
          return output.list(found, columns)
        }
        output.list(await server.acceptChangedRows({ table, code, reason }), columns)
        output.talk(`The rows of ${table} count as they are from now on.\n`)
      })
    })
}

const coverage = `This look compares whether rows were removed, added or put back in the tables that say who is trusted, what keys are and which jobs there are.
Objects, their index and counts of nonces, and rows whose columns were edited, are found by a look at every row: krypton scrub, then krypton job list.
krypton status warns of what was found there.
`

const columns = {
  TABLE: 'table',
  WRITTEN: 'written',
  FOUND: 'found',
  ROWS: 'rows',
  REFUSED: 'refused',
  CODE: 'code',
}
