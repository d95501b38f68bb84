import { readSubjectPublicKeyInfo } from '../crypto/key-encoding.ts'
import { keyBits } from '../crypto/key-parts.ts'
import { readCertificate } from '../crypto/x509-certificate.ts'
import { isKryptonError } from '../errors.ts'
import type { AttributeValues } from '../kmip/attribute.ts'
import { CertificateType, DigitalSignatureAlgorithm } from '../kmip/enums.ts'
import { hex } from '../hex.ts'
import { algorithmsOf } from './asymmetric-format.ts'
import { distinguishedName, generalName } from './certificate-names.ts'

/** What an X.509 certificate says of itself, as the attributes that the server sets (KMIP 1.4 sections 3.8 to 3.16). */
export interface CertificateDescription {
  /** Of its public key; 0 for one that is not served. */
  readonly algorithm: number
  readonly lengthBits: number
  readonly implied: Partial<AttributeValues>
}

/** @throws KryptonError invalid-field: the bytes are no certificate in DER */
export function describeCertificate(der: Uint8Array): CertificateDescription {
  const parts = readCertificate(der)
  const issuer = distinguishedName(parts.issuer)
  const subjectAlternativeNames = parts.subjectAlternativeNames.map(own)
  const issuerAlternativeNames = parts.issuerAlternativeNames.map(own)
  const signature = hex(parts.signatureAlgorithm.identifier)
  return {
    ...publicKeyOf(parts.subjectPublicKeyInfo),
    implied: {
      certificateType: CertificateType.X509,
      certificateLength: der.byteLength,
      x509CertificateIdentifier: {
        issuerDistinguishedName: own(parts.issuer),
        certificateSerialNumber: own(parts.serialNumber),
      },
      x509CertificateSubject: { subjectDistinguishedName: own(parts.subject), subjectAlternativeNames },
      x509CertificateIssuer: { issuerDistinguishedName: own(parts.issuer), issuerAlternativeNames },
      certificateIdentifier: { issuer, serialNumber: serialText(parts.serialNumber) },
      certificateSubject: {
        certificateSubjectDistinguishedName: distinguishedName(parts.subject),
        certificateSubjectAlternativeNames: subjectAlternativeNames.map(generalName),
      },
      certificateIssuer: {
        certificateIssuerDistinguishedName: issuer,
        certificateIssuerAlternativeNames: issuerAlternativeNames.map(generalName),
      },
      digitalSignatureAlgorithm: signatureAlgorithms.get(signature),
    },
  }
}

function publicKeyOf(subjectPublicKeyInfo: Uint8Array): { algorithm: number; lengthBits: number } {
  try {
    const parts = readSubjectPublicKeyInfo(subjectPublicKeyInfo)
    return { algorithm: algorithmsOf(parts)[0]!, lengthBits: keyBits(parts) }
  } catch (error) {
    // A certificate is kept whatever its key is of; what is not known is not said.
    if (isKryptonError(error, 'invalid-field')) return { algorithm: 0, lengthBits: 0 }
    throw error
  }
}

/** The serial number in hexadecimal, as other tools print it. */
function serialText(integer: Uint8Array): string {
  const content = integer.subarray(2)
  const magnitude = content.byteLength > 1 && content[0] === 0 ? content.subarray(1) : content
  return hex(magnitude).toUpperCase()
}

/** Attributes outlive the frame that the certificate came in. */
function own(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

/** By the content of their OBJECT IDENTIFIERs. Of others the specification has no word. */
const signatureAlgorithms: ReadonlyMap<string, number> = new Map([
  ['2a864886f70d010102', DigitalSignatureAlgorithm.MD2WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d010104', DigitalSignatureAlgorithm.MD5WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d010105', DigitalSignatureAlgorithm.SHA1WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d01010e', DigitalSignatureAlgorithm.SHA224WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d01010b', DigitalSignatureAlgorithm.SHA256WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d01010c', DigitalSignatureAlgorithm.SHA384WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d01010d', DigitalSignatureAlgorithm.SHA512WithRSAEncryptionPKCS1V1_5],
  ['2a864886f70d01010a', DigitalSignatureAlgorithm.RSASSAPSSPKCS1V2_1],
  ['2a8648ce380403', DigitalSignatureAlgorithm.DSAWithSHA1],
  ['608648016503040301', DigitalSignatureAlgorithm.DSAWithSHA224],
  ['608648016503040302', DigitalSignatureAlgorithm.DSAWithSHA256],
  ['2a8648ce3d0401', DigitalSignatureAlgorithm.ECDSAWithSHA1],
  ['2a8648ce3d040301', DigitalSignatureAlgorithm.ECDSAWithSHA224],
  ['2a8648ce3d040302', DigitalSignatureAlgorithm.ECDSAWithSHA256],
  ['2a8648ce3d040303', DigitalSignatureAlgorithm.ECDSAWithSHA384],
  ['2a8648ce3d040304', DigitalSignatureAlgorithm.ECDSAWithSHA512],
  ['60864801650304030e', DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption],
  ['60864801650304030f', DigitalSignatureAlgorithm.SHA3_384WithRSAEncryption],
  ['608648016503040310', DigitalSignatureAlgorithm.SHA3_512WithRSAEncryption],
])
