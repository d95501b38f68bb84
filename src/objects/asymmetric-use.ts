import type { DigestAlgorithm } from '../crypto/digest.ts'
import type { RsaPadding } from '../crypto/rsa-cipher.ts'
import type { SignatureScheme } from '../crypto/signature.ts'
import { KryptonError } from '../errors.ts'
import { CryptographicAlgorithm, DigitalSignatureAlgorithm, MaskGenerator, PaddingMethod } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { ecAlgorithms } from './asymmetric-format.ts'
import { checkRsaPaddingAllowed, checkSignatureAllowed, type CryptoPolicy } from './crypto-policy.ts'
import { hashOf } from './hashing.ts'
import type { ManagedObject } from './managed-object.ts'

/**
 * Cryptographic Parameters of a request as what RSA and ECDSA do (KMIP 1.4 sections 3.6, 4.29 to 4.32). Those of the request count alone; without
 * any, the key's first do. There is no default for a hash: whoever signs says which.
 */

/** `makes`: a signature is made rather than verified. @throws KryptonError unsupported-cryptographic-parameters */
export function signatureScheme(
  object: ManagedObject,
  requested: CryptographicParameters | undefined,
  use: { readonly policy: CryptoPolicy; readonly makes: boolean },
): SignatureScheme {
  const scheme = requestedScheme(object, requested)
  checkSignatureAllowed(object, scheme, use)
  return scheme
}

function requestedScheme(object: ManagedObject, requested: CryptographicParameters | undefined): SignatureScheme {
  const asked = parametersOf(object, requested)
  const isRsa = object.fields.algorithm === CryptographicAlgorithm.RSA
  const named = asked.digitalSignatureAlgorithm
  const algorithm = named === undefined ? undefined : signatureAlgorithms.get(named)
  if (named !== undefined && algorithm === undefined) {
    throw unsupported('Use a Digital Signature Algorithm of RSA or ECDSA with SHA-1, SHA-2 or SHA-3')
  }
  const hash = hashOf(asked.hashingAlgorithm) ?? algorithm?.hash
  if (hash === undefined) throw unsupported('Name the Hashing Algorithm of the signature')
  if (algorithm?.hash !== undefined && algorithm.hash !== hash) {
    throw unsupported('Name one hash: Digital Signature Algorithm and Hashing Algorithm say two')
  }
  const scheme = algorithm?.scheme ?? schemeOf(isRsa, asked.paddingMethod)
  if ((scheme === 'ecdsa') === isRsa) throw unsupported('Use a signature of the algorithm of the key')
  checkAlgorithm(asked, isRsa)
  if (scheme !== 'pss') {
    if (scheme === 'pkcs1' && asked.paddingMethod !== undefined && asked.paddingMethod !== PaddingMethod.PKCS1V1_5) {
      throw unsupported('Name one padding: Digital Signature Algorithm and Padding Method say two')
    }
    return { scheme, hash }
  }
  const { saltLength, trailerField } = asked
  if (trailerField !== undefined && trailerField !== standardTrailer) throw unsupported('Leave out Trailer Field')
  if (saltLength !== undefined && saltLength < 0) throw unsupported('Use a Salt Length of 0 or more')
  return { scheme, hash, maskHashes: maskHashesOf(asked, hash), saltLength }
}

/** @throws KryptonError unsupported-cryptographic-parameters */
export function rsaPadding(
  object: ManagedObject,
  requested: CryptographicParameters | undefined,
  policy: CryptoPolicy,
): RsaPadding {
  const padding = requestedPadding(object, requested)
  checkRsaPaddingAllowed(object, padding, policy)
  return padding
}

function requestedPadding(object: ManagedObject, requested: CryptographicParameters | undefined): RsaPadding {
  const asked = parametersOf(object, requested)
  if (object.fields.algorithm !== CryptographicAlgorithm.RSA)
    throw unsupported('Use an RSA key: EC keys encrypt nothing')
  checkAlgorithm(asked, true)
  switch (asked.paddingMethod) {
    case PaddingMethod.PKCS1V1_5:
      return { padding: 'pkcs1' }
    case PaddingMethod.OAEP: {
      const hash = hashOf(asked.hashingAlgorithm)
      if (hash === undefined) throw unsupported('Name the Hashing Algorithm of OAEP')
      const label = asked.pSource ?? new Uint8Array(0)
      return { padding: 'oaep', hash, maskHashes: maskHashesOf(asked, hash), label }
    }
    default:
      throw unsupported('Use Padding Method OAEP or PKCS1 v1.5: RSA without padding protects nothing')
  }
}

/** The parameters that count, with the specification's words for what none of them says (4.31). */
function parametersOf(object: ManagedObject, requested: CryptographicParameters | undefined): CryptographicParameters {
  const parameters = requested ?? object.attributes.first('cryptographicParameters')
  if (parameters !== undefined) return parameters
  throw unsupported('Send Cryptographic Parameters: neither the request nor the key has any')
}

function checkAlgorithm({ cryptographicAlgorithm }: CryptographicParameters, isRsa: boolean): void {
  if (cryptographicAlgorithm === undefined) return
  if (isRsa ? cryptographicAlgorithm === CryptographicAlgorithm.RSA : ecAlgorithms.includes(cryptographicAlgorithm))
    return
  throw unsupported('Name the Cryptographic Algorithm of the key, or none')
}

/** A padding that is left out is PKCS #1 v1.5: "with RSA Encryption" means it everywhere in the specification. */
function schemeOf(isRsa: boolean, paddingMethod: number | undefined): SignatureScheme['scheme'] {
  if (!isRsa && (paddingMethod === undefined || paddingMethod === PaddingMethod.None)) return 'ecdsa'
  if (isRsa && paddingMethod === PaddingMethod.PSS) return 'pss'
  if (isRsa && (paddingMethod === undefined || paddingMethod === PaddingMethod.PKCS1V1_5)) return 'pkcs1'
  throw unsupported(
    isRsa ? 'Use Padding Method PSS or PKCS1 v1.5 for signatures' : 'Leave out Padding Method: ECDSA has none',
  )
}

/**
 * The hash of the mask. The specification's default is SHA-1 (3.6), and most clients' libraries take the message's own hash without a word: where
 * neither is named, the first is made and both are taken.
 */
function maskHashesOf(asked: CryptographicParameters, hash: DigestAlgorithm): readonly DigestAlgorithm[] {
  if (asked.maskGenerator !== undefined && asked.maskGenerator !== MaskGenerator.MGF1) {
    throw unsupported('Use Mask Generator MGF1')
  }
  const named = hashOf(asked.maskGeneratorHashingAlgorithm)
  if (named !== undefined) return [named]
  return hash === 'sha1' ? ['sha1'] : ['sha1', hash]
}

function unsupported(message: string): KryptonError {
  return new KryptonError('unsupported-cryptographic-parameters', message)
}

/** trailerFieldBC of RFC 8017 appendix A.2.3. */
const standardTrailer = 1

interface NamedSignature {
  readonly scheme: SignatureScheme['scheme']
  /** RSASSA-PSS names none. */
  readonly hash?: DigestAlgorithm
}

const signatureAlgorithms: ReadonlyMap<number, NamedSignature> = new Map<number, NamedSignature>([
  [DigitalSignatureAlgorithm.SHA1WithRSAEncryptionPKCS1V1_5, { scheme: 'pkcs1', hash: 'sha1' }],
  [DigitalSignatureAlgorithm.SHA224WithRSAEncryptionPKCS1V1_5, { scheme: 'pkcs1', hash: 'sha224' }],
  [DigitalSignatureAlgorithm.SHA256WithRSAEncryptionPKCS1V1_5, { scheme: 'pkcs1', hash: 'sha256' }],
  [DigitalSignatureAlgorithm.SHA384WithRSAEncryptionPKCS1V1_5, { scheme: 'pkcs1', hash: 'sha384' }],
  [DigitalSignatureAlgorithm.SHA512WithRSAEncryptionPKCS1V1_5, { scheme: 'pkcs1', hash: 'sha512' }],
  [DigitalSignatureAlgorithm.RSASSAPSSPKCS1V2_1, { scheme: 'pss' }],
  [DigitalSignatureAlgorithm.ECDSAWithSHA1, { scheme: 'ecdsa', hash: 'sha1' }],
  [DigitalSignatureAlgorithm.ECDSAWithSHA224, { scheme: 'ecdsa', hash: 'sha224' }],
  [DigitalSignatureAlgorithm.ECDSAWithSHA256, { scheme: 'ecdsa', hash: 'sha256' }],
  [DigitalSignatureAlgorithm.ECDSAWithSHA384, { scheme: 'ecdsa', hash: 'sha384' }],
  [DigitalSignatureAlgorithm.ECDSAWithSHA512, { scheme: 'ecdsa', hash: 'sha512' }],
  [DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption, { scheme: 'pkcs1', hash: 'sha3-256' }],
  [DigitalSignatureAlgorithm.SHA3_384WithRSAEncryption, { scheme: 'pkcs1', hash: 'sha3-384' }],
  [DigitalSignatureAlgorithm.SHA3_512WithRSAEncryption, { scheme: 'pkcs1', hash: 'sha3-512' }],
])
