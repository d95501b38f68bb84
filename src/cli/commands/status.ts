import { ask, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import { KryptonError } from '../../errors.ts'

/** `krypton status`: how the running server is. Exit code 3 when it is sealed or does not run. */
export const addStatusCommand: AddCommand = (program, terminal) => {
  withServer(program.command('status').description('state of the running server'))
    .addHelpText(
      'after',
      examples('krypton status --dir /var/lib/krypton', 'krypton status -o json') +
        `\nExit code ${ExitCode.Unavailable} when the server does not run or is sealed.\n`,
    )
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => {
        const status = await server.status()
        const { refused, warnings, ...others } = status
        const shown = { ...others, refused: refused.join('\n'), warnings: warnings.join('\n') }
        output.thing(output.format === 'table' ? shown : status)
        if (status.state === 'sealed')
          throw new KryptonError('not-running', 'the server is sealed: it serves no keys until it is unsealed')
      }),
    )
}
