import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { digest } from '../crypto/digest.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import type { Secret, SecretClass } from '../crypto/secret.ts'
import { wipeTraces } from '../crypto/traces.ts'
import { KryptonError } from '../errors.ts'
import { base64Length, readBase64, writeBase64 } from './base64-bytes.ts'
import { heldCredential } from './credential-source.ts'
import { unwrapEnvelope, type WrappedOutside, wrapInEnvelope } from './envelope.ts'
import type {
  ExternalKey,
  ExternalKeyProvider,
  ExternalKeyReference,
  ExternalKeyStatus,
  ExternallyWrapped,
} from './external-key.ts'
import { textAt } from './json-bytes.ts'
import {
  asObject,
  checkOpenBaoPath,
  errorsIn,
  objectIn,
  type OpenBaoAnswer,
  OpenBaoClient,
  type OpenBaoOptions,
} from './openbao-client.ts'
import type { OpenBaoLogin } from './openbao-login.ts'

/** A key of OpenBao's Transit engine, of a type that takes associated data: aes256-gcm96, aes128-gcm96, chacha20-poly1305, xchacha20-poly1305; not derived. */
export interface OpenBaoKeyOptions extends OpenBaoOptions {
  /** Where the engine is mounted: `transit`. */
  readonly mount: string
  /** Name of the key. */
  readonly key: string
}

/** Keys in OpenBao Transit, as the L1 of tenants (docs/operate/openbao.md): a key is named `MOUNT/KEY`, or `KEY` where the mount is `transit`. */
export const openbao: ExternalKeyProvider = {
  type: 'openbao',
  developmentOnly: false,
  settings: {
    address: { required: true, description: 'https://HOST:PORT of OpenBao: a name that stays, not that of one node' },
    ca: {
      required: true,
      description: "PEM of the authorities that sign OpenBao's certificate: no others are believed",
    },
    namespace: { required: false, description: 'namespace in OpenBao (default: none)' },
    login: {
      required: false,
      description:
        'approle: the credentials are the secret id; token: they are the token; certificate: PEM of certificate and key (default: approle)',
    },
    loginMount: { required: false, description: 'where the login method is mounted (default: approle, cert)' },
    roleId: { required: false, description: 'with login approle: the role id' },
    role: {
      required: false,
      description: 'with login certificate: name of the role (default: one that the certificate fits)',
    },
  },
  open: (reference) => openOpenBaoKey(optionsOf(reference)),
}

/**
 * A key in OpenBao Transit. The associated data of a request are the context, and the record names the key with its version, since the `vault:vN:` of a ciphertext is not
 * part of what Transit authenticates.
 *
 * | Transit answers | That is |
 * |---|---|
 * | nothing, too late, 3xx, 5xx, 503 `Vault is sealed` (to a login too), a longer answer than there is, none that is OpenBao's, 4xx that is not in this table | external-key-unreachable |
 * | 429 | external-key-throttled |
 * | 403 after a new login too; a login refused with 4xx | external-key-denied: policy, role or credential was taken away |
 * | 400 `… disallowed by policy (too old)`: min_decryption_version is above the version that wrapped; 400 `refusing to use soft-deleted key` | external-key-disabled |
 * | 400 `encryption key not found`, `… version is too new`, 404 | external-key-not-found: the key, that version of it or the engine is gone |
 * | 400 to a key that is derived or takes no associated data | external-key-not-found: no key that can be used |
 * | 400 `… message authentication failed`, `invalid ciphertext …` | external-key-mismatch: changed, of another context, or of an older key of this name |
 *
 * To encrypt with a key that does not exist makes one, where the policy has `create`: that of docs/operate/openbao.md has not, and a slip in the name is denied.
 * @throws KryptonError invalid-field
 */
export function openOpenBaoKey(options: OpenBaoKeyOptions): ExternalKey {
  return new OpenBaoKey(options)
}

class OpenBaoKey implements ExternalKey {
  readonly type = 'openbao'
  readonly configurationId: Uint8Array
  readonly #client: OpenBaoClient
  readonly #mount: string
  readonly #key: string

  constructor(options: OpenBaoKeyOptions) {
    const { address, namespace = '', mount, key } = options
    checkOpenBaoPath('the mount of Transit', mount)
    checkOpenBaoPath('the name of the key', key)
    this.#client = new OpenBaoClient(options)
    this.#mount = mount
    this.#key = key
    const named = [new URL(address).origin, namespace, mount, key].join('\0')
    this.configurationId = digest('sha256', Buffer.from(`krypton/openbao/1\0${named}`))
  }

  wrap(secret: Secret, context: Uint8Array): Promise<ExternallyWrapped> {
    return wrapInEnvelope(secret, context, mechanism, (bytes) => this.#encrypt(bytes, context))
  }

  async unwrap(wrapped: ExternallyWrapped, context: Uint8Array, secretClass: SecretClass): Promise<Secret> {
    const version = this.#versionOf(wrapped.keyId)
    if (wrapped.mechanism !== mechanism || version === undefined) {
      throw new KryptonError('external-key-mismatch', `${this.#name} has not wrapped this: another key is named in it`)
    }
    return unwrapEnvelope(wrapped, context, secretClass, (ciphertext) => this.#decrypt(ciphertext, version, context))
  }

  async status(): Promise<ExternalKeyStatus> {
    const answer = await this.#client.call('GET', `${this.#mount}/keys/${this.#key}`)
    if (answer.status === 404) return { state: 'deleted', keyId: undefined }
    const { latest_version: version, soft_deleted: isOff } = asObject(objectIn(answer.body)['data'])
    if (answer.status !== 200 || typeof version !== 'number') throw this.#refusal(answer)
    return { state: isOff === true ? 'disabled' : 'enabled', keyId: this.#keyIdOf(version) }
  }

  wipe(): void {
    this.#client.wipe()
  }

  async #encrypt(bytes: Uint8Array, context: Uint8Array): Promise<WrappedOutside> {
    const body = requestBody([
      ['plaintext', bytes],
      ['associated_data', context],
    ])
    let answer: OpenBaoAnswer
    try {
      answer = await this.#client.call('POST', `${this.#mount}/encrypt/${this.#key}`, body)
    } finally {
      body.fill(0)
      wipeStackSoon()
    }
    const { ciphertext } = asObject(objectIn(answer.body)['data'])
    if (answer.status !== 200) throw this.#refusal(answer)
    const version =
      typeof ciphertext === 'string' ? /^vault:v([1-9]\d{0,9}):[A-Za-z0-9+/]+={0,2}$/.exec(ciphertext)?.[1] : undefined
    if (version === undefined) throw this.#noAnswer()
    return { keyId: this.#keyIdOf(Number(version)), ciphertext: Buffer.from(String(ciphertext)) }
  }

  async #decrypt(ciphertext: Uint8Array, version: number, context: Uint8Array): Promise<Buffer> {
    const text = Buffer.from(ciphertext).toString('latin1')
    if (!text.startsWith(`vault:v${version}:`) || !/^[\w:+/]+={0,2}$/.test(text)) {
      throw new KryptonError('external-key-mismatch', `${this.#name} has not wrapped this: it was changed`)
    }
    const body = requestBody([['associated_data', context]], { ciphertext: text })
    const answer = await this.#client.call('POST', `${this.#mount}/decrypt/${this.#key}`, body)
    try {
      if (answer.status !== 200) throw this.#refusal(answer)
      const base64 = textAt(answer.body, ['data', 'plaintext'])
      const bytes = base64 === undefined ? undefined : readBase64(base64)
      if (bytes === undefined) throw this.#noAnswer()
      return bytes
    } finally {
      answer.body.fill(0)
      wipeStackSoon()
    }
  }

  get #name(): string {
    return `the key ${this.#mount}/${this.#key} of ${this.#client.name}`
  }

  #keyIdOf(version: number): Buffer {
    return Buffer.from(`${this.#mount}/${this.#key}:v${version}`)
  }

  #versionOf(keyId: Uint8Array): number | undefined {
    const text = Buffer.from(keyId).toString('utf8')
    const start = `${this.#mount}/${this.#key}:v`
    const version = text.startsWith(start) ? /^[1-9]\d{0,9}$/.exec(text.slice(start.length))?.[0] : undefined
    return version === undefined ? undefined : Number(version)
  }

  /** What an answer of 4xx says of the key, by the words that OpenBao has for it. */
  #refusal({ status, body }: OpenBaoAnswer): KryptonError {
    const errors = errorsIn(body)
    const words = errors?.join('\n') ?? ''
    const known = refusals.find(({ says }) => says.test(words))
    if (known !== undefined) return new KryptonError(known.code, `${this.#name} ${known.means}`)
    if (status === 404 && errors !== undefined) {
      return new KryptonError(
        'external-key-not-found',
        `${this.#name} is not there: the key or its engine was deleted, or is called otherwise`,
      )
    }
    return this.#noAnswer(status)
  }

  #noAnswer(status = 200): KryptonError {
    return new KryptonError(
      'external-key-unreachable',
      `${this.#name} gave an answer of status ${status} that is not known here: look at OpenBao's log, and that nothing stands before it`,
    )
  }
}

/** OpenBao's words (verified with 2.7.2), and what they mean. */
const refusals = [
  {
    says: /disallowed by policy \(too old\)/,
    code: 'external-key-disabled',
    means: 'is switched off for what it has wrapped: its min_decryption_version is above that version',
  },
  {
    says: /soft-deleted/,
    code: 'external-key-disabled',
    means: 'is switched off: it is soft-deleted, which soft-delete-restore undoes',
  },
  {
    says: /version is too new/,
    code: 'external-key-not-found',
    means: 'has not got the version that wrapped this: it was deleted and made anew',
  },
  {
    says: /encryption key not found/,
    code: 'external-key-not-found',
    means: 'is not there: it was deleted, or is called otherwise',
  },
  {
    says: /message authentication failed|invalid ciphertext/,
    code: 'external-key-mismatch',
    means: 'has not wrapped this, not for this place, or it was changed',
  },
  {
    says: /non-AEAD cipher suite|missing 'context' for key derivation/,
    code: 'external-key-not-found',
    means: 'takes no associated data: name one of type aes256-gcm96 that is not derived',
  },
] as const

/** From the loop itself: what runs now was called by the read whose record lies on the stack above it. */
function wipeStackSoon(): void {
  setImmediate(wipeTraces)
}

/** JSON of texts, and of bytes in base64, written as bytes: no string is made of what may be a key. */
function requestBody(
  bytes: readonly (readonly [string, Uint8Array])[],
  texts: Readonly<Record<string, string>> = {},
): Buffer {
  const start = Buffer.from(JSON.stringify(texts).slice(0, -1))
  let length = start.byteLength + 1
  for (const [name, value] of bytes) length += 6 + name.length + base64Length(value.byteLength)
  const body = ownBuffer(length)
  body.set(start)
  let at = start.byteLength
  for (const [name, value] of bytes) {
    at += body.write(`${body[at - 1] === openBrace ? '' : ','}"${name}":"`, at, 'latin1')
    writeBase64(value, body, at)
    at += base64Length(value.byteLength)
    at += body.write('"', at)
  }
  body.write('}', at)
  return body.subarray(0, at + 1)
}

const openBrace = 0x7b

function optionsOf({ key: named, settings, credentials }: ExternalKeyReference): OpenBaoKeyOptions {
  for (const name of Object.keys(settings)) {
    if (!(name in openbao.settings)) {
      throw new KryptonError(
        'invalid-field',
        `${name} is no setting of openbao: it has ${Object.keys(openbao.settings).join(', ')}`,
      )
    }
  }
  const { address = '', ca = '', namespace } = settings
  const at = named.lastIndexOf('/')
  const [mount, key] = [at < 0 ? 'transit' : named.slice(0, at), named.slice(at + 1)]
  checkPem(
    "the setting ca must be PEM of the authorities that sign OpenBao's certificate",
    () => new X509Certificate(ca),
  )
  return { address, ca: heldCredential(Buffer.from(ca)), mount, namespace, key, login: loginOf(settings, credentials) }
}

function loginOf(settings: ExternalKeyReference['settings'], credentials: Uint8Array): OpenBaoLogin {
  const { login = 'approle', loginMount, role } = settings
  const roleId = settings['roleId']?.trim() // perhaps the line of a file
  if (credentials.byteLength === 0) {
    throw new KryptonError(
      'invalid-field',
      `the login ${login} needs its credentials: docs/operate/openbao.md says which`,
    )
  }
  if (login === 'token') return { method: login, token: heldCredential(credentials) }
  if (login === 'approle') {
    if (roleId === undefined || !/^[\x21-\x7e]+$/.test(roleId)) {
      throw new KryptonError('invalid-field', 'the login approle needs the setting roleId')
    }
    return {
      method: login,
      mount: loginMount ?? 'approle',
      roleId: heldCredential(Buffer.from(roleId)),
      secretId: heldCredential(credentials),
    }
  }
  if (login === 'certificate') {
    const pem = Buffer.from(credentials)
    try {
      checkPem('the credentials must be PEM of a certificate and its key', () =>
        createSecureContext({ cert: pem, key: pem }),
      )
      return {
        method: login,
        mount: loginMount ?? 'cert',
        role,
        certificate: heldCredential(pem),
        key: heldCredential(pem),
      }
    } finally {
      pem.fill(0)
    }
  }
  throw new KryptonError('invalid-field', 'the setting login must be approle, token or certificate')
}

function checkPem(message: string, read: () => unknown): void {
  try {
    read()
  } catch (cause) {
    throw new KryptonError('invalid-field', message, { cause })
  }
}

const mechanism = 'transit+xaes-256-gcm-committed'
