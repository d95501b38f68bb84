import type { Secret } from '../crypto/secret.ts'

/** Key material or a plaintext on its way into one answer. Whoever drops the answer wipes it. */
export interface AnswerBytes {
  readonly byteLength: number
  copyInto(target: Uint8Array, offset: number): void
  wipe(): void
}

/** A secret that goes into one answer and is wiped as soon as it is there. */
export function secretCopiedOnce(secret: Secret): AnswerBytes {
  return {
    byteLength: secret.byteLength,
    copyInto: (target, offset) => {
      secret.copyInto(target, offset)
      secret.wipe()
    },
    wipe: () => secret.wipe(),
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
