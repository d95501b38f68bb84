import { isKryptonError, KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { CertificateType, ObjectType } from '../kmip/enums.ts'
import type { Certificate } from '../kmip/object.ts'
import { type CertificateDescription, describeCertificate } from '../objects/certificate-attributes.ts'
import { checkSize } from './key-block-attributes.ts'
import type { Registered } from './registered.ts'

/**
 * A Certificate of a Register (KMIP 1.4 section 2.2.1): kept as it came, with the attributes that it says itself. Who signed it, and whether it is valid,
 * nobody asks here.
 * @throws KryptonError with the reasons of section 11.4
 */
export function registeredCertificate(
  { certificateType, certificateValue }: Certificate,
  requested: readonly WireAttribute[],
): Registered {
  if (certificateType !== CertificateType.X509) {
    throw new KryptonError(
      'feature-not-supported',
      'Register a certificate of Certificate Type X.509: no other is served',
    )
  }
  const material = certificateValue as Uint8Array // what was read from a frame is a view of it
  checkSize(material, 'certificate data')
  const { algorithm, lengthBits, implied } = described(material)
  const told: Readonly<Record<string, unknown>> = {
    ...implied,
    cryptographicAlgorithm: algorithm,
    cryptographicLength: lengthBits,
  }
  // What the certificate says may be said again, but not otherwise.
  const own = requested.filter(({ name, attributeName, value }) => {
    if (!sayable.has(name)) return true
    if (told[name] === value) return false
    throw new KryptonError('invalid-field', `Send the ${attributeName} of the certificate, or none`)
  })
  return {
    objectType: ObjectType.Certificate,
    requested: own,
    algorithm,
    lengthBits,
    keyFormatType: 0,
    dataType: certificateType,
    implied,
    material,
  }
}

/** People who copy a certificate from a file send PEM. */
function described(material: Uint8Array): CertificateDescription {
  try {
    return describeCertificate(material)
  } catch (cause) {
    if (!isKryptonError(cause, 'invalid-field')) throw cause
    const isText = Buffer.from(material.subarray(0, pem.length)).equals(pem)
    throw new KryptonError(
      'invalid-field',
      `Send the Certificate Value as an X.509 certificate in DER: ${isText ? 'this is PEM' : 'these bytes are none'}`,
      { cause },
    )
  }
}

const pem = Buffer.from('-----BEGIN ')

/** Attributes that Table 171 asks for, and clients send. */
const sayable: ReadonlySet<string> = new Set([
  'certificateType',
  'certificateLength',
  'digitalSignatureAlgorithm',
  'cryptographicAlgorithm',
  'cryptographicLength',
])
