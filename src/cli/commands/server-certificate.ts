import type { Command } from 'commander'
import { isHost } from '../../config.ts'
import { KryptonError } from '../../errors.ts'
import { examples, gather, withOutput, type AddCommand } from '../command.ts'
import type { Terminal } from '../terminal.ts'
import { Output, type OutputFlags } from '../output.ts'
import { instanceConfig } from './config.ts'

interface RenewFlags extends OutputFlags {
  readonly dir?: string
  readonly config?: string
  readonly host: string[]
}

/** `krypton server-certificate`: the certificate that the server shows its clients. */
export const addServerCertificateCommand: AddCommand = (program, terminal) => {
  const certificate = program.command('server-certificate').description('the certificate that the server shows')
  addInteropCommand(certificate, terminal)
  withOutput(
    certificate
      .command('renew')
      .description("make a new key and certificate for the server, signed by the instance's CA")
      .option('--dir <directory>', 'directory of the instance (default: KRYPTON_DIR, else .)')
      .option('--config <file>', 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml in the directory)')
      .option('--host <name>', 'name or address in it; may be repeated (default: those of the old one)', gather, []),
  )
    .addHelpText(
      'after',
      examples(
        'krypton server-certificate renew --dir /var/lib/krypton',
        'krypton server-certificate renew --dir /var/lib/krypton --host kms.example.com --host 192.0.2.7',
      ) + '\nA running server takes it at its next start. Clients that trust the CA trust it without a change.\n',
    )
    .action(async (flags: RenewFlags) => {
      const output = await Output.open(terminal, flags)
      checkHosts(flags.host)
      const { config } = await instanceConfig(flags, terminal)
      const { renewServerCertificate, serverCertificateNames } = await import('../../krypton.ts')
      const hosts = flags.host.length > 0 ? flags.host : await serverCertificateNames(config.kmip)
      const { names, notAfter } = await renewServerCertificate(config, hosts)
      const { certificateFile, keyFile } = config.kmip
      output.thing({ names, notAfter: notAfter.toISOString(), files: [keyFile, certificateFile] })
      output.talk('\nA running server takes it at its next start.\n')
    })
}

function addInteropCommand(certificate: Command, terminal: Terminal): void {
  withOutput(
    certificate
      .command('interop')
      .description(
        'make an RSA key and certificate for clients that know nothing newer (kmip.tlsProfile: kmip-1.x-interop)',
      )
      .option('--dir <directory>', 'directory of the instance (default: KRYPTON_DIR, else .)')
      .option('--config <file>', 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml in the directory)')
      .option('--host <name>', "name or address in it; may be repeated (default: those of the server's)", gather, []),
  )
    .addHelpText(
      'after',
      examples('krypton server-certificate interop --dir /var/lib/krypton --host kms.example.com') +
        '\nIts authority is interop-ca.pem, which those clients are given. It has signed this certificate and signs no other.\n',
    )
    .action(async (flags: RenewFlags) => {
      const output = await Output.open(terminal, flags)
      checkHosts(flags.host)
      const { config } = await instanceConfig(flags, terminal)
      const { makeInteropCertificate, serverCertificateNames } = await import('../../krypton.ts')
      const hosts = flags.host.length > 0 ? flags.host : await serverCertificateNames(config.kmip)
      const { names, notAfter, files } = await makeInteropCertificate(config, hosts)
      output.thing({ names, notAfter: notAfter.toISOString(), files })
      output.talk('\nSet kmip.tlsProfile to kmip-1.x-interop, and start the server anew.\n')
    })
}

/** Throws 'usage' for what can be no name of a server. */
export function checkHosts(hosts: readonly string[]): void {
  for (const host of hosts)
    if (!isHost(host))
      throw new KryptonError(
        'usage',
        `--host ${host} is neither a host name nor an IP address: give one of them each time`,
      )
}
