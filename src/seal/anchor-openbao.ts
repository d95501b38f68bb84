import { isKryptonError, KryptonError } from '../errors.ts'
import { credentialFile } from '../external-keys/credential-source.ts'
import { OpenBaoClient } from '../external-keys/openbao-client.ts'
import type { OpenBaoLogin } from '../external-keys/openbao-login.ts'
import { OpenBaoValue } from '../external-keys/openbao-value.ts'
import type { AnchorPlace } from './anchor-place.ts'

/** The settings of an anchor in OpenBao. Those that its login needs are there: the configuration's check has seen to it. */
export interface OpenBaoAnchorSettings {
  readonly address?: string
  readonly caFile?: string
  readonly namespace?: string
  readonly mount: string
  readonly path?: string
  readonly login: 'approle' | 'token' | 'certificate'
  readonly loginMount?: string
  readonly role?: string
  readonly roleIdFile?: string
  readonly secretIdFile?: string
  readonly tokenFile?: string
  readonly certificateFile?: string
  readonly keyFile?: string
}

/**
 * An anchor in OpenBao's KV engine, version 2. It is written by compare-and-set over the version that was read or written last: of two servers on copies of one database,
 * one finds that somebody else has written, says so, and writes no more.
 * @throws KryptonError config-invalid
 */
export function openBaoAnchor(settings: OpenBaoAnchorSettings): AnchorPlace {
  const { address = '', caFile = '', namespace, mount, path = '' } = settings
  try {
    const ca = credentialFile(caFile, { secret: false })
    const client = new OpenBaoClient({ address, ca, namespace, login: loginOf(settings) })
    return new OpenBaoAnchor(new OpenBaoValue(client, { mount, path }))
  } catch (cause) {
    if (!isKryptonError(cause, 'invalid-field')) throw cause
    throw new KryptonError('config-invalid', `the settings of anchor: ${cause.message}`, { cause })
  }
}

function loginOf(settings: OpenBaoAnchorSettings): OpenBaoLogin {
  const { login: method, loginMount, role } = settings
  const { roleIdFile = '', secretIdFile = '', tokenFile = '', certificateFile = '', keyFile = '' } = settings
  if (method === 'token') return { method, token: credentialFile(tokenFile, { secret: true }) }
  if (method === 'approle') {
    return {
      method,
      mount: loginMount ?? 'approle',
      roleId: credentialFile(roleIdFile, { secret: false }),
      secretId: credentialFile(secretIdFile, { secret: true }),
    }
  }
  return {
    method,
    mount: loginMount ?? 'cert',
    role,
    certificate: credentialFile(certificateFile, { secret: false }),
    key: credentialFile(keyFile, { secret: true }),
  }
}

class OpenBaoAnchor implements AnchorPlace {
  readonly whenMissing = 'look at anchor.mount and anchor.path'
  readonly whenTroubled = 'see to OpenBao'
  readonly #value: OpenBaoValue
  /** The newest version as we know it; 0 until something was read: what nobody has looked at is not written over. */
  #version = 0

  constructor(value: OpenBaoValue) {
    this.#value = value
  }

  get name(): string {
    return this.#value.name
  }

  async read(): Promise<string | undefined> {
    try {
      const { text, version } = await this.#value.read()
      this.#version = version
      return text
    } catch (cause) {
      if (!isKryptonError(cause)) throw cause
      const { code, message } = cause
      throw new KryptonError(code, `the anchor cannot be read, and nothing starts without it: ${message}`, { cause })
    }
  }

  async write(text: string): Promise<void> {
    const written = (await this.#value.write(text, this.#version)) ?? (await this.#writeOverOurs(text))
    if (written === undefined) throw this.#writtenByAnother()
    this.#version = written
  }

  /** What stands there may be a write of our own whose answer did not come. */
  async #writeOverOurs(text: string): Promise<number | undefined> {
    const { version, isOurs } = await this.#value.read()
    return isOurs ? this.#value.write(text, version) : undefined
  }

  #writtenByAnother(): KryptonError {
    return new KryptonError(
      'anchor-mismatch',
      `the anchor ${this.name} was written by somebody else since it was read here: two servers run on copies of one database, stop the wrong one and start the other anew`,
    )
  }
}
