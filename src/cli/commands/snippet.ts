import { existsSync } from 'node:fs'
import { KryptonError } from '../../errors.ts'
import { ask, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { bundleAdvice, identityFiles, withKeyOfOwner } from '../identity-files.ts'
import { snippetNamed, snippetNames } from '../snippets/index.ts'

interface SnippetFlags extends ServerFlags {
  readonly files: string
}

/** `krypton snippet`: what a product is configured with, for a client that has its files. */
export const addSnippetCommand: AddCommand = (program, terminal) => {
  withServer(
    program
      .command('snippet')
      .description('print what to paste into the configuration of a product')
      .argument('<product>', snippetNames)
      .requiredOption('--files <directory>', 'directory with the files of the client: the --out of client add'),
  )
    .addHelpText(
      'after',
      examples('krypton snippet mongodb-python --files ./orders', 'krypton snippet mongod --files ./orders'),
    )
    .action((product: string, flags: SnippetFlags) => {
      const snippet = snippetNamed(product)
      const files = withKeyOfOwner(identityFiles(flags.files))
      if (!existsSync(files.certificate))
        throw new KryptonError(
          'usage',
          `${files.certificate} is missing: name the --out of krypton client add with --files`,
        )
      return ask(terminal, flags, async (server, output) => {
        const { endpoint } = await server.status()
        const text = snippet.text({ ...endpoint, files })
        if (output.format === 'table') output.text(text)
        else output.thing({ product, endpoint, files, text })
        if (!existsSync(files.bundle)) output.talk(bundleAdvice(files))
      })
    })
}
