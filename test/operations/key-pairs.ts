import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  ObjectType,
  Operation,
} from '../../src/kmip/enums.ts'
import type { KeyBlock } from '../../src/kmip/key-block.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import { attribute } from './fixture.ts'

/** Key pairs of tests, made once: RSA keys take their time. */
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })

export interface HalfOptions {
  readonly mask?: number
  readonly algorithm?: number
  readonly length?: number
  readonly keyBlock?: Partial<KeyBlock>
}

/** A Register of a private key in DER; RSA in PKCS#1, EC as ECPrivateKey, unless another format is given with its bytes. */
export function registerPrivate(
  key: KeyObject,
  attributes: readonly WireAttribute[] = [],
  options: HalfOptions = {},
): RequestPayload<typeof Operation.Register> {
  const isRsa = key.asymmetricKeyType === 'rsa'
  const keyMaterial = key.export({ format: 'der', type: isRsa ? 'pkcs1' : 'sec1' })
  const { Sign, Decrypt } = CryptographicUsageMask
  return {
    objectType: ObjectType.PrivateKey,
    templateAttribute: withMask(options.mask ?? Sign | Decrypt, attributes),
    privateKey: {
      keyBlock: {
        keyFormatType: isRsa ? KeyFormatType.PKCS1 : KeyFormatType.ECPrivateKey,
        keyValue: { keyMaterial },
        ...described(key, options),
        ...options.keyBlock,
      },
    },
  }
}

/** A Register of a public key: RSA in PKCS#1, EC in X.509. */
export function registerPublic(
  key: KeyObject,
  attributes: readonly WireAttribute[] = [],
  options: HalfOptions = {},
): RequestPayload<typeof Operation.Register> {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const isRsa = publicKey.asymmetricKeyType === 'rsa'
  const { Verify, Encrypt } = CryptographicUsageMask
  return {
    objectType: ObjectType.PublicKey,
    templateAttribute: withMask(options.mask ?? Verify | Encrypt, attributes),
    publicKey: {
      keyBlock: {
        keyFormatType: isRsa ? KeyFormatType.PKCS1 : KeyFormatType.X509,
        keyValue: { keyMaterial: publicKey.export({ format: 'der', type: isRsa ? 'pkcs1' : 'spki' }) },
        ...described(key, options),
        ...options.keyBlock,
      },
    },
  }
}

/** A Create Key Pair with the usual masks. */
export function createPair(
  common: readonly WireAttribute[],
  own: { readonly private?: readonly WireAttribute[]; readonly public?: readonly WireAttribute[] } = {},
): RequestPayload<typeof Operation.CreateKeyPair> {
  const { Sign, Decrypt, Verify, Encrypt } = CryptographicUsageMask
  return {
    commonTemplateAttribute: { names: [], attributes: common },
    privateKeyTemplateAttribute: withMask(Sign | Decrypt, own.private ?? []),
    publicKeyTemplateAttribute: withMask(Verify | Encrypt, own.public ?? []),
  }
}

function withMask(mask: number, attributes: readonly WireAttribute[]) {
  return { names: [], attributes: [attribute('cryptographicUsageMask', mask), ...attributes] }
}

function described(key: KeyObject, { algorithm, length }: HalfOptions) {
  const details = key.asymmetricKeyDetails
  const isRsa = key.asymmetricKeyType === 'rsa'
  return {
    cryptographicAlgorithm: algorithm ?? (isRsa ? CryptographicAlgorithm.RSA : CryptographicAlgorithm.EC),
    cryptographicLength: length ?? (isRsa ? details?.modulusLength : 256),
  }
}
