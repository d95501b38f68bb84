import type { Command } from 'commander'
import { KryptonError } from '../../errors.ts'
import { examples, type AddCommand } from '../command.ts'

/** `krypton help client add`: the same as `krypton client add --help`. */
export const addHelpCommand: AddCommand = (program) => {
  program
    .command('help')
    .description('help for a command')
    .argument('[command...]', 'the command')
    .addHelpText('after', examples('krypton help', 'krypton help client add'))
    .action((path: readonly string[]) => {
      let found: Command = program
      for (const name of path) {
        const next = found.commands.find((command) => command.name() === name)
        if (next === undefined)
          throw new KryptonError('usage', `there is no command ${path.join(' ')}: krypton --help lists them`)
        found = next
      }
      found.outputHelp()
    })
}
