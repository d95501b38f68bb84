import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AdminClient } from '../../admin/client.ts'
import type { Config } from '../../config.ts'
import type { Finding } from '../../doctor/finding.ts'
import { findingsOfFiles } from '../../doctor/file-findings.ts'
import { findingsHere } from '../../doctor/here.ts'
import { isKryptonError, KryptonError } from '../../errors.ts'
import { examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import { Output } from '../output.ts'
import { instanceConfig } from './config.ts'

interface DoctorFlags extends ServerFlags {
  readonly config?: string
}

/** `krypton doctor`: how well secrets are kept here, by the server that runs or by one that would. */
export const addDoctorCommand: AddCommand = (program, terminal) => {
  withServer(
    program
      .command('doctor')
      .description('what keeps secrets in memory and files, what is missing, and the line that would give it')
      .option('--config <file>', 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml in the directory)'),
  )
    .addHelpText(
      'after',
      examples('krypton doctor', 'krypton doctor --dir /var/lib/krypton', 'krypton doctor -o json') +
        `\nAsks the server of the directory where one runs; otherwise looks at what this user and machine would give it.\n` +
        `Exit code ${ExitCode.Failed} when something is wrong, ${ExitCode.Ok} with warnings only.\n`,
    )
    .action(async (flags: DoctorFlags) => {
      const output = await Output.open(terminal, flags)
      const { config, file } = await instanceConfig(flags, terminal)
      const asked = await findingsOfServer(config)
      const production = config.server.profile === 'production' && file !== undefined
      // Without a configuration nobody requires anything, unless the environment does.
      const isAsked = file !== undefined || terminal.environment['KRYPTON_NATIVE'] !== undefined
      const findings = asked ?? (await findingsHere({ production, native: isAsked ? config.native : 'auto' }))
      const hasInstance = file !== undefined || asked !== undefined || existsSync(config.seal.keyFile)
      if (flags.dir !== undefined && !hasInstance)
        throw new KryptonError(
          'not-found',
          `there is no instance in ${flags.dir}: name its directory with --dir, or leave that out to look at this machine alone`,
        )
      const all = hasInstance ? [...findings, ...findingsOfFiles(filesOf(config, file))] : findings
      output.talk(
        asked === undefined ? 'No server runs here: this is what one would have.\n' : 'The server answered.\n',
      )
      output.list(all, { CHECK: 'check', STATE: 'state', FOUND: 'found', 'TO MEND IT': 'remedy' })
      const wrong = all.filter(({ state }) => state === 'wrong').length
      if (wrong > 0)
        throw new KryptonError(
          'not-healthy',
          `${wrong} of ${all.length} checks ${wrong === 1 ? 'is' : 'are'} wrong: mend what is marked so`,
        )
    })
}

/** Undefined where no server runs. */
async function findingsOfServer(config: Config): Promise<readonly Finding[] | undefined> {
  const server = new AdminClient(config.admin.socket)
  try {
    return await server.findings()
  } catch (error) {
    if (isKryptonError(error, 'not-running')) return undefined
    throw error
  } finally {
    await server.close()
  }
}

/** A development server has no configuration file. */
function filesOf(
  { server, seal, kmip, store }: Config,
  file: string | undefined,
): Parameters<typeof findingsOfFiles>[0] {
  const authority = { key: join(server.directory, 'ca.key'), certificate: join(server.directory, 'ca.pem') }
  return {
    directory: server.directory,
    sealKey: seal.keyFile,
    keys: [authority.key, kmip.keyFile],
    dataDirectory: store.directory,
    readable: [authority.certificate, kmip.certificateFile, ...(file === undefined ? [] : [file])],
  }
}
