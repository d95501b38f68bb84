import { sealAead, openAead, Suite } from '../../src/crypto/aead.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { generateSecret, type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { KryptonError } from '../../src/errors.ts'
import type {
  ExternalKey,
  ExternalKeyProvider,
  ExternalKeyRefusal,
  ExternallyWrapped,
} from '../../src/external-keys/external-key.ts'

/** A provider of outside keys in this process: it does what a test says, and keeps all that it was asked and has answered. */
export class FakeL1 implements ExternalKeyProvider {
  readonly type = 'fake'
  readonly settings = {}
  readonly developmentOnly = false
  readonly transcript: { readonly call: string; readonly sent: unknown; readonly answered: unknown }[] = []
  /** Refuses everything so. */
  refusal: ExternalKeyRefusal | undefined
  /** Answers when this is kept. */
  waitsFor: Promise<void> | undefined
  /** Gives another key than it was given. */
  lies = false
  /** The keys that it has, the newest last; what it knows, it knows in the clear. */
  readonly #keys: { readonly bytes: Buffer; readonly secret: Secret }[] = []
  readonly credentials: string[] = []

  constructor() {
    this.rotate()
  }

  /** The owner rotates the key: older versions still open. */
  rotate(): void {
    const bytes = randomBytes(32)
    this.#keys.push({ bytes, secret: secretFromBytes(bytes, 'wrapping') })
  }

  /** Every link key that it was ever asked to open, in the clear: a provider sees them. */
  linkKeys(): Buffer[] {
    return this.transcript
      .filter(({ call }) => call === 'unwrap')
      .flatMap(({ answered }) => (Buffer.isBuffer(answered) ? [answered] : []))
  }

  open(reference: Parameters<ExternalKeyProvider['open']>[0]): ExternalKey {
    this.credentials.push(Buffer.from(reference.credentials).toString())
    return {
      type: this.type,
      configurationId: Buffer.alloc(32),
      wrap: async (secret, context) => this.#wrap(secret, context),
      unwrap: async (wrapped, context, secretClass) => {
        this.#refuse()
        await this.waitsFor
        const bytes = this.#plain(wrapped, context)
        this.transcript.push({ call: 'unwrap', sent: { wrapped, context }, answered: bytes })
        return this.lies ? generateSecret(32, secretClass) : secretFromBytes(bytes, secretClass)
      },
      status: async () => {
        if (this.refusal === 'external-key-disabled') return { state: 'disabled', keyId: undefined }
        if (this.refusal === 'external-key-not-found') return { state: 'deleted', keyId: undefined }
        this.#refuse()
        return { state: 'enabled', keyId: Buffer.of(this.#keys.length) }
      },
      wipe: () => undefined,
    }
  }

  #wrap(secret: Secret, context: Uint8Array): ExternallyWrapped {
    this.#refuse()
    const nonce = randomBytes(24)
    const { secret: key } = this.#keys.at(-1)!
    const ciphertext = Buffer.concat([nonce, sealAead(Suite.Xaes256Gcm, key, nonce, context, secret)])
    const wrapped = { keyId: Buffer.of(this.#keys.length), mechanism: 'fake', ciphertext }
    this.transcript.push({ call: 'wrap', sent: { context }, answered: wrapped })
    return wrapped
  }

  #plain({ keyId, ciphertext }: ExternallyWrapped, context: Uint8Array): Buffer {
    const key = this.#keys[keyId[0]! - 1]
    if (key === undefined) throw new KryptonError('external-key-mismatch', 'no such version')
    try {
      const [nonce, sealed] = [ciphertext.subarray(0, 24), ciphertext.subarray(24)]
      const opened = openAead(Suite.Xaes256Gcm, key.secret, nonce, context, sealed, 'object')
      const bytes = Buffer.alloc(32)
      opened.copyInto(bytes, 0)
      return bytes
    } catch (cause) {
      throw new KryptonError('external-key-mismatch', 'it was changed', { cause })
    }
  }

  #refuse(): void {
    if (this.refusal !== undefined) throw new KryptonError(this.refusal, `as the test says: ${this.refusal}`)
  }
}
