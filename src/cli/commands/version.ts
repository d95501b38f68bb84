import { version } from '../../version.ts'
import { examples, withOutput, type AddCommand } from '../command.ts'
import { Output, type OutputFlags } from '../output.ts'

/** `krypton version`: what runs here. */
export const addVersionCommand: AddCommand = (program, terminal) => {
  withOutput(program.command('version').description('version of Krypton and of the Node that runs it'))
    .addHelpText('after', examples('krypton version', 'krypton version -o json'))
    .action(async (flags: OutputFlags) => {
      const output = await Output.open(terminal, flags)
      output.thing({ version, node: process.version })
    })
}
