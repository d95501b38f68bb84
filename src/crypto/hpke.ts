import { createHmac, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { openAead, sealAead, Suite, tagBytes } from './aead.ts'
import { ownCopy } from './own-buffer.ts'
import { randomBytes } from './random.ts'
import { adoptSecret, type Secret } from './secret.ts'

/*
 * HPKE (RFC 9180), mode Base, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Only who has the private key opens; nothing says who sealed.
 */

/** Length in bytes of a public key, and of what stands before the ciphertext. */
export const hpkeKeyBytes = 32

/**
 * Seals `plaintext` to a public key of 32 bytes: the sender's own of 32 bytes ‖ ciphertext ‖ tag. `info` says what it is for; it and `associatedData` are the opener's to know. The
 * sender's key pair is random unless a test of known bytes gives its private half.
 * @throws KryptonError invalid-field: that is no public key of X25519
 */
export function sealTo(
  publicKey: Uint8Array,
  info: Uint8Array,
  associatedData: Uint8Array,
  plaintext: Uint8Array | Secret,
  ephemeral: Uint8Array = randomBytes(hpkeKeyBytes),
): Buffer {
  const own = privateKeyOf(ephemeral)
  const enc = rawPublicKey(own)
  const { key, nonce } = schedule(own, publicKey, enc, publicKey, info)
  try {
    return Buffer.concat([enc, sealAead(Suite.Aes256Gcm, key, nonce, associatedData, plaintext)])
  } finally {
    key.wipe()
  }
}

/** A key pair to which others seal. Its private half is a KeyObject, which lives as long as the process and is never exported. */
export class ReceivingKey {
  /** 32 bytes. */
  readonly publicKey: Buffer
  readonly #privateKey: KeyObject

  /** @param privateKey 32 bytes, which are wiped; fresh ones unless a test of known bytes gives them */
  constructor(privateKey: Uint8Array = randomBytes(hpkeKeyBytes)) {
    this.#privateKey = privateKeyOf(privateKey)
    this.publicKey = rawPublicKey(this.#privateKey)
  }

  /**
   * Opens what `sealTo` made, into a secret of class `object`. Nothing of it leaves before the tag was found right.
   * @throws KryptonError invalid-field: it is too short, or its sender's key is none of X25519; record-does-not-open for everything else
   */
  open(info: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Secret {
    if (sealed.byteLength < hpkeKeyBytes + tagBytes)
      throw new KryptonError('invalid-field', 'send a sealed payload: a public key, then the ciphertext with its tag')
    const enc = sealed.subarray(0, hpkeKeyBytes)
    const { key, nonce } = schedule(this.#privateKey, enc, enc, this.publicKey, info)
    try {
      return openAead(Suite.Aes256Gcm, key, nonce, associatedData, sealed.subarray(hpkeKeyBytes), 'object')
    } finally {
      key.wipe()
    }
  }
}

/** RFC 9180 sections 4.1 and 5.1: the AEAD's key and nonce of the one message. */
function schedule(
  own: KeyObject,
  other: Uint8Array,
  enc: Uint8Array,
  recipient: Uint8Array,
  info: Uint8Array,
): { key: Secret; nonce: Buffer } {
  const secrets: Buffer[] = []
  const kept = (bytes: Buffer): Buffer => {
    secrets.push(bytes)
    return bytes
  }
  try {
    const dh = kept(agree(own, other))
    const eaePrk = kept(labeledExtract(kemSuite, empty, 'eae_prk', dh))
    const shared = kept(labeledExpand(kemSuite, eaePrk, 'shared_secret', Buffer.concat([enc, recipient]), 32))
    const context = Buffer.concat([
      modeBase,
      labeledExtract(hpkeSuite, empty, 'psk_id_hash', empty),
      labeledExtract(hpkeSuite, empty, 'info_hash', info),
    ])
    const secret = kept(labeledExtract(hpkeSuite, shared, 'secret', empty))
    // adoptSecret wipes what it takes over.
    const key = adoptSecret(ownCopy(kept(labeledExpand(hpkeSuite, secret, 'key', context, 32))), 'wrapping')
    return { key, nonce: labeledExpand(hpkeSuite, secret, 'base_nonce', context, 12) }
  } finally {
    for (const bytes of secrets) bytes.fill(0)
  }
}

function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, material: Uint8Array): Buffer {
  return createHmac('sha256', salt).update(version).update(suite).update(label).update(material).digest()
}

/** One block is as much as anybody asks for here: 32 bytes. */
function labeledExpand(suite: Uint8Array, key: Uint8Array, label: string, info: Uint8Array, bytes: number): Buffer {
  const length = Buffer.of(0, bytes)
  const mac = createHmac('sha256', key).update(length).update(version).update(suite).update(label).update(info)
  const block = mac.update(Buffer.of(1)).digest()
  return block.subarray(0, bytes)
}

function agree(own: KeyObject, other: Uint8Array): Buffer {
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, other]), format: 'der', type: 'spki' })
    return diffieHellman({ privateKey: own, publicKey })
  } catch (cause) {
    throw new KryptonError('invalid-field', 'send a public key of X25519, 32 bytes', { cause })
  }
}

function privateKeyOf(raw: Uint8Array): KeyObject {
  const der = Buffer.concat([pkcs8Prefix, raw])
  raw.fill(0)
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } finally {
    der.fill(0)
  }
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.byteLength)
}

const empty = Buffer.alloc(0)
const version = Buffer.from('HPKE-v1')
const modeBase = Buffer.of(0)
/** "KEM" ‖ DHKEM(X25519, HKDF-SHA256). */
const kemSuite = Buffer.concat([Buffer.from('KEM'), Buffer.of(0x00, 0x20)])
/** "HPKE" ‖ the KEM ‖ HKDF-SHA256 ‖ AES-256-GCM. */
const hpkeSuite = Buffer.concat([Buffer.from('HPKE'), Buffer.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02)])
/** RFC 8410: what stands before the 32 bytes of a key of X25519. */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
