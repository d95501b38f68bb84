import type { Command } from 'commander'
import { writeFileSync } from 'node:fs'
import type { CertificateAuthority, NewCertificateAuthority } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { ask, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import type { Output } from '../output.ts'

interface AuthorityFlags extends ServerFlags {
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly out?: string
}

interface CreateFlags extends AuthorityFlags {
  readonly subject: string
  readonly algorithm: string
  readonly days: string
}

interface UseFlags extends AuthorityFlags {
  readonly privateKey: string
  readonly certificate: string
}

/** `krypton authority`: what signs for Certify in a service of a tenant. Its private key is an object of the service, and stays in the server. */
export const addAuthorityCommand: AddCommand = (program, terminal) => {
  const authority = program.command('authority').description('what signs the certificates that Certify issues')
  withService(
    authority
      .command('create')
      .description('make a key and a certificate that it signs for itself, in the place of the authority before')
      .argument('<name>', "name of the certificate's object")
      .requiredOption('--subject <name>', 'whom the certificates name as their issuer: CN=Example CA,O=Example')
      .option('--algorithm <key>', `one of ${algorithms.join(', ')}`, 'p256')
      .option('--days <number>', 'how long it is good', String(limits.authorityDays)),
  )
    .addHelpText(
      'after',
      examples("krypton authority create issuing --tenant acme --subject 'CN=Acme CA,O=Acme' --out acme-ca.pem"),
    )
    .action((name: string, flags: CreateFlags) => {
      const key = algorithms.find((known) => known === flags.algorithm)
      if (key === undefined) throw new KryptonError('usage', `--algorithm takes one of ${algorithms.join(', ')}`)
      const days = Number(flags.days)
      if (!Number.isInteger(days) || days < 1 || days > limits.certificateAuthorityDaysMax)
        throw new KryptonError('usage', `--days takes a number from 1 to ${limits.certificateAuthorityDaysMax}`)
      const request = { name, subject: flags.subject, key, days }
      return ask(terminal, flags, async (server, output) =>
        shown(await server.createCertificateAuthority(serviceOf(flags), request), flags, output),
      )
    })
  withService(
    authority
      .command('use')
      .description('let a key sign that the service has, with a certificate of yours for it')
      .requiredOption('--private-key <identifier>', 'Unique Identifier of a Private Key with the mask Certificate Sign')
      .requiredOption('--certificate <identifier>', 'Unique Identifier of its Certificate'),
  )
    .addHelpText('after', examples('krypton authority use --tenant acme --private-key UID --certificate UID'))
    .action((flags: UseFlags) => {
      const { privateKey, certificate } = flags
      return ask(terminal, flags, async (server, output) =>
        shown(await server.useCertificateAuthority(serviceOf(flags), { privateKey, certificate }), flags, output),
      )
    })
  withService(authority.command('show').description('show the authority of a service and its certificate'))
    .addHelpText('after', examples('krypton authority show --tenant acme --out acme-ca.pem'))
    .action((flags: AuthorityFlags) =>
      ask(terminal, flags, async (server, output) =>
        shown(await server.certificateAuthority(serviceOf(flags)), flags, output),
      ),
    )
}

function withService(command: Command): Command {
  return withServer(
    command
      .requiredOption('--tenant <name>', 'the tenant')
      .option('--system <name>', 'system of the tenant', 'default')
      .option('--service <name>', 'service whose clients ask for certificates', 'default')
      .option('--out <file>', 'file for its certificate (PEM), which those who check certificates need'),
  )
}

const serviceOf = ({ tenant, system, service }: AuthorityFlags) => ({ tenant, system, service })

/** The certificate goes to a file, or stands in what programs read. */
function shown({ certificatePem, ...authority }: CertificateAuthority, { out }: AuthorityFlags, output: Output): void {
  if (out !== undefined) writeOut(out, certificatePem)
  if (output.format === 'table') output.thing(out === undefined ? authority : { ...authority, file: out })
  else output.thing({ ...authority, certificatePem })
}

function writeOut(file: string, pem: string): void {
  try {
    writeFileSync(file, pem, { flag: 'wx' })
  } catch (cause) {
    throw new KryptonError(
      'usage',
      `cannot write ${file}: name a new file in a directory that is there, with krypton authority show --out`,
      { cause },
    )
  }
}

const algorithms: readonly NewCertificateAuthority['key'][] = ['p256', 'p384', 'p521', 'rsa-3072', 'rsa-4096']
