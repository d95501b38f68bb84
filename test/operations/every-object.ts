import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { CertificateType, CryptographicAlgorithm, KeyFormatType, ObjectType } from '../../src/kmip/enums.ts'
import type { Operation } from '../../src/kmip/enums.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import { attribute, registerKey, registerOpaque, registerSecret } from './fixture.ts'
import { p256, registerPrivate, registerPublic } from './key-pairs.ts'

export type Register = (attributes: readonly WireAttribute[]) => RequestPayload<typeof Operation.Register>

/** A Register of an object of each type, by the words of the specification. `certificateValue` is one in DER. */
export function registers(certificateValue: Uint8Array): Readonly<Record<string, Register>> {
  const keyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { keyMaterial: Buffer.from('a PGP key') },
    cryptographicAlgorithm: CryptographicAlgorithm.RSA,
    cryptographicLength: 2048,
  }
  return {
    'Symmetric Key': (attributes) => registerKey(Buffer.alloc(16, 1), attributes),
    'Secret Data': (attributes) => registerSecret(Buffer.alloc(16, 2), attributes),
    'Opaque Object': (attributes) => registerOpaque(Buffer.alloc(16, 3), attributes),
    'Private Key': (attributes) => registerPrivate(p256.privateKey, attributes),
    'Public Key': (attributes) => registerPublic(p256.publicKey, attributes),
    Certificate: (attributes) => ({
      objectType: ObjectType.Certificate,
      templateAttribute: { names: [], attributes },
      certificate: { certificateType: CertificateType.X509, certificateValue },
    }),
    'Split Key': (attributes) => ({
      objectType: ObjectType.SplitKey,
      templateAttribute: { names: [], attributes },
      splitKey: { splitKeyParts: 1, keyPartIdentifier: 1, splitKeyThreshold: 1, splitKeyMethod: 1, keyBlock },
    }),
    Template: (attributes) => ({
      objectType: ObjectType.Template,
      templateAttribute: { names: [], attributes },
      template: { attributes: [attribute('contactInformation', 'of what is made by it')] },
    }),
    'PGP Key': (attributes) => ({
      objectType: ObjectType.PGPKey,
      templateAttribute: { names: [], attributes },
      pgpKey: { pgpKeyVersion: 4, keyBlock },
    }),
  }
}
