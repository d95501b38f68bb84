import type { Command } from 'commander'
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { credentialVerifier, type CredentialFields } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { ask, examples, withServer, type ServerFlags } from '../command.ts'
import type { Terminal } from '../terminal.ts'

interface TenantFlags extends ServerFlags {
  readonly tenant: string
}

interface AddFlags extends TenantFlags, Omit<CredentialFields, 'type' | 'password'> {
  readonly file?: string
}

/**
 * `krypton client credential`: what a client sends besides its certificate. The password is read from a file or standard input, and what is kept of it is
 * made here: the server is never told it.
 */
export function addCredentialCommand(client: Command, terminal: Terminal): void {
  const credential = client.command('credential').description('what a client sends besides its certificate')
  withServer(
    credential
      .command('add')
      .description('ask a client for a user name and password, or a device credential, with every request')
      .argument('<name>', 'name of the client')
      .requiredOption('--tenant <name>', 'the tenant')
      .option('--username <name>', 'of a Username and Password')
      .option('--device-serial-number <text>', 'of a Device, as are those below')
      .option('--device-identifier <text>', 'device identifier')
      .option('--network-identifier <text>', 'network identifier')
      .option('--machine-identifier <text>', 'machine identifier')
      .option('--media-identifier <text>', 'media identifier')
      .option('--file <file>', 'file that holds the password; - is standard input'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton client credential add fortigate --tenant acme --username fgt --file fgt.password',
        'pass show netapp | krypton client credential add netapp --tenant acme --username netapp --file -',
        'krypton client credential add tape --tenant acme --device-serial-number 1234567 --file -',
      ),
    )
    .action(async (name: string, flags: AddFlags) => {
      const fields = fieldsOf(flags)
      const password = await passwordIn(flags.file, terminal)
      if (fields.type === 'username-and-password' && password === undefined)
        throw new KryptonError('usage', 'name the file of the password with --file, or - for standard input')
      try {
        const verifier = await credentialVerifier({ ...fields, password }, randomBytes(16))
        await ask(terminal, flags, async (server, output) => {
          const request = { type: fields.type, verifier: verifier.toString('hex') }
          output.thing(await server.setCredential(flags.tenant, name, request))
        })
      } finally {
        password?.fill(0)
      }
    })
  withServer(
    credential
      .command('remove')
      .description('ask a client for its certificate alone')
      .argument('<name>', 'name of the client')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client credential remove fortigate --tenant acme'))
    .action((name: string, flags: TenantFlags) =>
      ask(terminal, flags, async (server, output) => output.thing(await server.removeCredential(flags.tenant, name))),
    )
}

function fieldsOf(flags: AddFlags): Omit<CredentialFields, 'password'> {
  const { username, deviceSerialNumber, deviceIdentifier, networkIdentifier, machineIdentifier, mediaIdentifier } =
    flags
  const device = { deviceSerialNumber, deviceIdentifier, networkIdentifier, machineIdentifier, mediaIdentifier }
  const isDevice = Object.values(device).some((value) => value !== undefined)
  if (isDevice === (username !== undefined))
    throw new KryptonError('usage', 'name a user with --username, or a device with one of its identifiers')
  return username === undefined ? { type: 'device', ...device } : { type: 'username-and-password', username }
}

/** What some editors put before a text in UTF-8. */
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** Without what editors and pipes put before and behind it. */
async function passwordIn(file: string | undefined, terminal: Terminal): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  let bytes: Buffer
  try {
    bytes = file === '-' ? await terminal.readInput() : readFileSync(file)
  } catch (cause) {
    throw new KryptonError('usage', `cannot read the password from ${file}: check its name`, { cause })
  }
  const begin = byteOrderMark.equals(bytes.subarray(0, byteOrderMark.byteLength)) ? byteOrderMark.byteLength : 0
  let end = bytes.byteLength
  if (bytes[end - 1] === 0x0a) end -= 1
  if (bytes[end - 1] === 0x0d) end -= 1
  const password = bytes.subarray(begin, end)
  if (!isUtf8(password)) {
    bytes.fill(0)
    throw new KryptonError('usage', 'the password must be text in UTF-8: KMIP sends no other')
  }
  if (password.byteLength > 0 && password.byteLength <= limits.passwordBytesMax) return password
  bytes.fill(0)
  throw new KryptonError('usage', `the password must have 1 to ${limits.passwordBytesMax} bytes`)
}
