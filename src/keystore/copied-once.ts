import type { Secret } from '../crypto/secret.ts'

/** Key material or a plaintext on its way into one answer. Whoever drops the answer wipes it. */
export interface AnswerBytes {
  readonly byteLength: number
  copyInto(target: Uint8Array, offset: number): void
  wipe(): void
}

/** A secret that goes into one answer and is wiped as soon as it is there. */
export function secretCopiedOnce(secret: Secret): AnswerBytes {
  return new SecretForAnswer(secret)
}

class SecretForAnswer implements AnswerBytes {
  readonly byteLength: number
  /** undefined once its use has ended: others may share the secret, and it must not end theirs. */
  #secret: Secret | undefined

  constructor(secret: Secret) {
    this.byteLength = secret.byteLength
    this.#secret = secret
  }

  copyInto(target: Uint8Array, offset: number): void {
    if (this.#secret === undefined) throw new Error('a secret was used after it was wiped')
    this.#secret.copyInto(target, offset)
    this.wipe()
  }

  wipe(): void {
    this.#secret?.wipe()
    this.#secret = undefined
  }
}

/** The same for a plaintext or random data, which the answer owns from here on. */
export function bytesCopiedOnce(bytes: Buffer): AnswerBytes {
  return {
    byteLength: bytes.byteLength,
    copyInto: (target, offset) => {
      target.set(bytes, offset)
      bytes.fill(0)
    },
    wipe: () => {
      bytes.fill(0)
    },
  }
}
