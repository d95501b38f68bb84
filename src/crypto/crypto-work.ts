import { availableParallelism } from 'node:os'
import { limits, placement } from '../limits.ts'
import { type AsymmetricKey, exportKey } from './asymmetric-key.ts'
import { decryptWithKey, type Encrypted, encryptWithKey } from './cipher.ts'
import { type CipherParameters, slownessOf } from './cipher-form.ts'
import { digest, type DigestAlgorithm, digestLength } from './digest.ts'
import { checkKey } from './key-check.ts'
import { type PrivateParts, writePkcs8, writeSubjectPublicKeyInfo } from './key-encoding.ts'
import { deriveByPassword, passwordCost } from './key-derivation.ts'
import { checkParts, type KeyParts } from './key-parts.ts'
import type { KeyPairKind, NewKeyPair } from './key-pair.ts'
import {
  joiningUs,
  joinKey,
  type KeyJoining,
  type KeySharing,
  shareBytes,
  splitKey,
  splittingUs,
} from './key-sharing.ts'
import { LoopBudget } from './loop-budget.ts'
import { type MacAlgorithm, macWithKey } from './message-mac.ts'
import { ownCopy } from './own-buffer.ts'
import type { OpenedPkcs12 } from './pkcs12-reading.ts'
import { randomBytes } from './random.ts'
import { decryptRsa, encryptRsa, type RsaPadding } from './rsa-cipher.ts'
import { lendSecret, type Secret } from './secret.ts'
import type { Share } from './shamir.ts'
import { sign, type SignatureScheme, type SignedBytes, verifySignature } from './signature.ts'
import { WorkerPool } from './worker-pool.ts'
import { ownBytes, shared, sharedBytes, sharedCopy } from './worker-task.ts'

type MaybePromise<T> = T | Promise<T>

/** `crypto.offload` of the configuration: by the table of `limits.ts`, or everything that can be. */
export type Offload = 'table' | 'always'

export interface CryptoWorkOptions {
  readonly offload: Offload
  /** Event loops of this process, which share its processors. */
  readonly loops: number
}

/**
 * Cryptography that takes longer than a request may hold up the event loop, done where `placement` in limits.ts says: here, or on a worker
 * thread. One per event loop. `owner` is whose work it is: no owner can keep the others from theirs.
 */
export class CryptoWork {
  readonly #offload: Offload
  readonly #budget = new LoopBudget(placement.turnBudgetUs)
  readonly #work: WorkerPool
  /** One key generation takes as long as a thousand signatures, and must not stand before them; nor may a long iteration. */
  readonly #generation: WorkerPool

  constructor({ offload, loops }: CryptoWorkOptions) {
    this.#offload = offload
    // One processor is the loop's own.
    const threads = Math.max(1, Math.floor((availableParallelism() - 1) / loops))
    this.#work = new WorkerPool({
      threads,
      tasksPerThread: limits.workPerThread,
      waitingMax: limits.workWaitingMax,
      waitingPerOwnerMax: limits.workWaitingPerTenantMax,
    })
    this.#generation = new WorkerPool({
      threads: 1,
      tasksPerThread: 1,
      waitingMax: limits.keyGenerationsWaitingMax,
      waitingPerOwnerMax: limits.keyGenerationsWaitingPerTenantMax,
    })
  }

  /** `encryptWithKey` of cipher.ts. The key is in use until the answer is there. */
  encrypt(
    owner: string,
    key: Secret,
    parameters: CipherParameters,
    data: Uint8Array,
    iv: Uint8Array | undefined,
    associatedData: Uint8Array | undefined,
  ): MaybePromise<Encrypted> {
    if (this.#isShort(data, slownessOf(parameters))) return encryptWithKey(key, parameters, data, iv, associatedData)
    const input = { key: lendSecret(key), parameters, data: shared(data) }
    return this.#work
      .run(owner, 'encrypt', { ...input, iv: ownBytes(iv), associatedData: ownBytes(associatedData) })
      .then((made) => ({
        data: bufferOf(made.data),
        iv: made.iv && bufferOf(made.iv),
        tag: made.tag && bufferOf(made.tag),
      }))
      .finally(() => wipeCopy(input.data, data))
  }

  /** `decryptWithKey` of cipher.ts. The key is in use until the plaintext is there; the caller wipes that. */
  decrypt(
    owner: string,
    key: Secret,
    parameters: CipherParameters,
    data: Uint8Array,
    iv: Uint8Array | undefined,
    tag: Uint8Array | undefined,
    associatedData: Uint8Array | undefined,
  ): MaybePromise<Buffer> {
    if (this.#isShort(data, slownessOf(parameters)))
      return decryptWithKey(key, parameters, data, iv, tag, associatedData)
    const input = { key: lendSecret(key), parameters, data: shared(data) }
    const beside = { iv: ownBytes(iv), tag: ownBytes(tag), associatedData: ownBytes(associatedData) }
    return this.#work.run(owner, 'decrypt', { ...input, ...beside }).then((opened) => bufferOf(opened.data))
  }

  /** `macWithKey` of message-mac.ts. The key is in use until the MAC is there. */
  mac(owner: string, key: Secret, algorithm: MacAlgorithm, data: Uint8Array): MaybePromise<Buffer> {
    const slowness = algorithm === '3des-cmac' ? placement.slowness.tripleDes : 1
    if (this.#isShort(data, slowness)) return macWithKey(algorithm, key, data)
    const bytes = shared(data)
    return this.#work
      .run(owner, 'mac', { key: lendSecret(key), algorithm, data: bytes })
      .then(bufferOf)
      .finally(() => wipeCopy(bytes, data))
  }

  /** `deriveByPassword` of key-derivation.ts. The password is in use until the key is there; the caller wipes that. */
  async deriveByPassword(
    owner: string,
    password: Secret,
    parameters: { readonly hash: DigestAlgorithm; readonly salt: Uint8Array; readonly iterations: number },
    byteLength: number,
  ): Promise<Buffer> {
    const { hash, salt, iterations } = parameters
    const costUs = passwordCost(hash, iterations, byteLength) * placement.iterationUs
    if (this.#isInline(costUs, nothing)) return deriveByPassword(password, parameters, byteLength)
    const output = sharedBytes(byteLength)
    try {
      const input = { key: lendSecret(password), hash, salt: ownBytes(salt), iterations, output }
      await this.#laneFor(costUs).run(owner, 'deriveByPassword', input)
      return ownCopy(output)
    } finally {
      output.fill(0)
    }
  }

  /** The key of the MAC of a PKCS #12 file, by `deriveByPkcs12` of pkcs12-derivation.ts; as `deriveByPassword`. */
  async deriveForPkcs12Mac(
    owner: string,
    password: Secret,
    { salt, iterations }: { readonly salt: Uint8Array; readonly iterations: number },
  ): Promise<Buffer> {
    const output = sharedBytes(digestLength('sha256'))
    try {
      const input = { key: lendSecret(password), salt: ownBytes(salt), iterations, output }
      await this.#work.run(owner, 'deriveForPkcs12Mac', input)
      return ownCopy(output)
    } finally {
      output.fill(0)
    }
  }

  /**
   * `readPkcs12` of pkcs12-reading.ts. The password is in use until the key is there; the caller wipes that. How long it takes the file says: no signature
   * waits for it.
   */
  async readPkcs12(
    owner: string,
    password: Secret,
    file: Uint8Array,
    friendlyName: string | undefined,
  ): Promise<OpenedPkcs12> {
    const copy = sharedCopy(file)
    const output = sharedBytes(file.byteLength)
    try {
      const input = { key: lendSecret(password), file: copy, friendlyName, output }
      const read = await this.#generation.run(owner, 'readPkcs12', input)
      return { ...read, privateKey: ownCopy(output.subarray(0, read.privateKeyLength)) }
    } finally {
      copy.fill(0)
      output.fill(0)
    }
  }

  /** `digest` of digest.ts. */
  hash(owner: string, algorithm: DigestAlgorithm, data: Uint8Array): MaybePromise<Buffer> {
    if (this.#isShort(data)) return digest(algorithm, data)
    const bytes = shared(data)
    return this.#work
      .run(owner, 'hash', { algorithm, data: bytes })
      .then(bufferOf)
      .finally(() => wipeCopy(bytes, data))
  }

  /** `sign` of signature.ts. */
  sign(owner: string, key: AsymmetricKey, scheme: SignatureScheme, signed: SignedBytes): MaybePromise<Buffer> {
    if (this.#isInline(privateUs(key), signed.bytes)) return sign(key, scheme, signed)
    const bytes = shared(signed.bytes)
    const input = { key: exportKey(key), scheme, bytes, isDigest: signed.isDigest }
    return this.#work
      .run(owner, 'sign', input)
      .then(bufferOf)
      .finally(() => wipeCopy(bytes, signed.bytes))
  }

  /** `verifySignature` of signature.ts. */
  verifySignature(
    owner: string,
    key: AsymmetricKey,
    scheme: SignatureScheme,
    signed: SignedBytes,
    signature: Uint8Array,
  ): MaybePromise<boolean> {
    if (this.#isInline(publicUs(key), signed.bytes)) return verifySignature(key, scheme, signed, signature)
    const bytes = shared(signed.bytes)
    const input = { key: exportKey(key), scheme, bytes, isDigest: signed.isDigest, signature: sharedCopy(signature) }
    return this.#work.run(owner, 'verifySignature', input).finally(() => wipeCopy(bytes, signed.bytes))
  }

  /** `encryptRsa` of rsa-cipher.ts. */
  encryptRsa(owner: string, key: AsymmetricKey, padding: RsaPadding, data: Uint8Array): MaybePromise<Buffer> {
    if (this.#isInline(publicUs(key), data)) return encryptRsa(key, padding, data)
    const copy = sharedCopy(data)
    return this.#work
      .run(owner, 'encryptRsa', { key: exportKey(key), padding: ownPadding(padding), data: copy })
      .then(bufferOf)
      .finally(() => copy.fill(0))
  }

  /** `decryptRsa` of rsa-cipher.ts. The caller wipes the plaintext. */
  async decryptRsa(owner: string, key: AsymmetricKey, padding: RsaPadding, data: Uint8Array): Promise<Buffer> {
    if (this.#isInline(privateUs(key), data)) return decryptRsa(key, padding, data)
    const output = sharedBytes(Math.ceil(key.bits / 8))
    try {
      const input = { key: exportKey(key), padding: ownPadding(padding), data: sharedCopy(data), output }
      return ownCopy(output.subarray(0, await this.#work.run(owner, 'decryptRsa', input)))
    } finally {
      output.fill(0)
    }
  }

  /** `checkKey` of key-check.ts. The parts stay the caller's to wipe, after this. */
  checkKey(owner: string, parts: KeyParts): MaybePromise<void> {
    const isPrivate = parts.secret !== undefined
    if (!isPrivate && this.#isInline(placement.publicKeyCheckUs, nothing)) return checkKey(parts)
    checkParts(parts)
    const der = isPrivate ? writePkcs8(parts as PrivateParts) : writeSubjectPublicKeyInfo(parts) // it has its secret
    const copy = sharedCopy(der)
    der.fill(0)
    return this.#work.run(owner, 'checkKey', { der: copy, isPrivate }).finally(() => copy.fill(0))
  }

  /** `splitKey` of key-sharing.ts, with randomness of the kernel. The secret is in use until the parts are there; the caller wipes those. */
  splitKey(owner: string, secret: Uint8Array, sharing: KeySharing): MaybePromise<Buffer[]> {
    const { method, parts } = sharing
    const costUs = splittingUs(sharing, secret.byteLength)
    if (this.#isInline(costUs, nothing)) return splitKey(secret, sharing, randomBytes)
    const copy = sharedCopy(secret)
    const output = sharedBytes(parts * shareBytes(method, secret.byteLength))
    return this.#laneFor(costUs)
      .run(owner, 'splitKey', { secret: copy, sharing, output })
      .then(() => ownCopies(output, parts))
      .finally(() => {
        copy.fill(0)
        output.fill(0)
      })
  }

  /** `joinKey` of key-sharing.ts. The shares are in use until the secret is there; the caller wipes that. */
  joinKey(
    owner: string,
    { shares, ...joining }: KeyJoining & { readonly shares: readonly Share[] },
  ): MaybePromise<Buffer> {
    const costUs = joiningUs(joining, shares.length)
    if (this.#isInline(costUs, nothing)) return joinKey(shares, joining)
    const copies = shares.map(({ identifier, bytes }) => ({ identifier, bytes: sharedCopy(bytes) }))
    const output = sharedBytes(joining.byteLength)
    return this.#laneFor(costUs)
      .run(owner, 'joinKey', { shares: copies, joining, output })
      .then(() => ownCopy(output))
      .finally(() => {
        for (const { bytes } of copies) bytes.fill(0)
        output.fill(0)
      })
  }

  /** `generateKeyPair` of key-pair.ts. */
  async generateKeyPair(owner: string, kind: KeyPairKind): Promise<NewKeyPair> {
    const pair = kind.type === 'rsa' ? kind : { type: kind.type, curve: kind.curve.name }
    const output = sharedBytes(limits.privateKeyBytesMax)
    try {
      const made = await this.#generation.run(owner, 'generateKeyPair', { pair, output })
      return {
        privateKey: ownCopy(output.subarray(0, made.privateKeyLength)),
        publicKey: bufferOf(made.publicKey),
      }
    } finally {
      output.fill(0)
    }
  }

  /** Ends the threads; what still runs has `drainMs`. */
  async close(drainMs: number): Promise<void> {
    await Promise.all([this.#work.close(drainMs), this.#generation.close(drainMs)])
  }

  /** What is long goes where key pairs are made, so that no signature waits for it. */
  #laneFor(costUs: number): WorkerPool {
    return costUs > placement.longUs ? this.#generation : this.#work
  }

  /** May a cipher run over those bytes here and now? */
  #isShort({ byteLength }: Uint8Array, slowness = 1): boolean {
    if (this.#offload === 'always') return false
    const bytes = byteLength * slowness
    if (bytes <= placement.inlineBytesMax) return true
    return bytes < placement.offLoopBytesMin && this.#budget.take(bytes / placement.cipherBytesPerUs)
  }

  /** May work of that cost over those bytes be done here and now? */
  #isInline(costUs: number, bytes: Uint8Array): boolean {
    return this.#offload === 'table' && bytes.byteLength <= placement.inlineBytesMax && this.#budget.take(costUs)
  }
}

/** What was copied for another thread is wiped; a request's own bytes are wiped with it. */
function wipeCopy(used: Uint8Array, data: Uint8Array): void {
  if (used.buffer !== data.buffer) used.fill(0)
}

function privateUs({ type, curve }: AsymmetricKey): number {
  return type === 'rsa' ? placement.privateUs.rsa : placement.privateUs[curve!] // every EC key has a curve
}

function publicUs({ type, curve }: AsymmetricKey): number {
  return type === 'rsa' ? placement.publicUs.rsa : placement.publicUs[curve!] // as above
}

/** Equal parts of what another thread has written, each in a buffer of its own. */
function ownCopies(output: Uint8Array, parts: number): Buffer[] {
  const byteLength = output.byteLength / parts
  return Array.from({ length: parts }, (_, i) => ownCopy(output.subarray(i * byteLength, (i + 1) * byteLength)))
}

/** A view of a frame would take the whole slab along. */
function ownPadding(padding: RsaPadding): RsaPadding {
  return padding.padding === 'oaep' ? { ...padding, label: ownBytes(padding.label) } : padding
}

/** What came from another thread is a plain array. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const nothing = new Uint8Array(0)
