import { writePkcs12 } from '../crypto/pkcs12.ts'
import { bytesOfSecret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { KeyFormatType, LinkType, ObjectType } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { limits } from '../limits.ts'
import { keyPartsOf, materialAs } from '../objects/asymmetric-format.ts'
import { checkPkcs12 } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'
import { pkcs12Password } from './pkcs12-password.ts'
import { openMaterial } from './unwrapped-material.ts'

/**
 * A Private Key as a PKCS#12 file under the password of its PKCS#12 Password Link, with the certificates that its Links lead to (KMIP 1.4 section
 * 4.11): by a PKCS#12 Certificate Link, or by its Public Key's Certificate Link, and on from certificate to certificate.
 * @throws KryptonError invalid-field: not one password, or several chains; key-value-not-present; item-not-found: a Link leads to nothing;
 *   unsupported-cryptographic-parameters
 */
export async function pkcs12KeyBlock(object: ManagedObject, context: OperationContext): Promise<KeyBlock> {
  checkPkcs12(context.policy)
  checkKeyValuePresent(object)
  const certificates = await chainOf(object, context)
  const links = object.attributes.all('link').map(({ value }) => value)
  const password = await pkcs12Password(links, context)
  const { cryptoWork, owner } = context
  const iterations = limits.pkcs12Iterations
  const salts = [0, 1, 2].map(() => context.randomBytes(saltBytes)) as [Buffer, Buffer, Buffer] // three were made
  const derived: Buffer[] = []
  const opened = await openMaterial(password, context)
  try {
    for (const salt of salts.slice(0, 2)) {
      derived.push(await cryptoWork.deriveByPassword(owner, opened, { hash: 'sha256', salt, iterations }, keyBytes))
    }
    derived.push(await cryptoWork.deriveForPkcs12Mac(owner, opened, { salt: salts[2], iterations }))
    const keys = salts.map((salt, place) => ({ salt, key: derived[place]! })) // one for each salt
    const privateKey = await pkcs8Of(object, context)
    try {
      const friendlyName = object.attributes.first('pkcs12FriendlyName') ?? usualFriendlyName
      const [forKey, forCertificates, forMac] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]] // as above
      const file = writePkcs12(
        { privateKey, certificates, friendlyName },
        { iterations, privateKey: forKey, certificates: forCertificates, mac: forMac },
      )
      // It is protected by its password: the OASIS case has it as a Key Value that is wrapped, with no algorithm beside.
      return { keyFormatType: KeyFormatType.PKCS12, wrappedKeyValue: file }
    } finally {
      privateKey.fill(0)
    }
  } finally {
    opened.wipe()
    for (const key of derived) key.fill(0)
  }
}

/** The values of the certificates, that of the key first; none when no Link leads to one. */
async function chainOf(object: ManagedObject, context: OperationContext): Promise<Buffer[]> {
  const { unit } = context
  const chain: Buffer[] = []
  const seen = new Set<string>()
  let at = await firstCertificate(object, context)
  while (at !== undefined) {
    if (seen.has(at) || seen.size === limits.pkcs12CertificatesMax) {
      throw new KryptonError(
        'invalid-field',
        `Link at most ${limits.pkcs12CertificatesMax} certificates one after the other, and none to one before it`,
      )
    }
    seen.add(at)
    const certificate = await unit.get(at)
    if (certificate.fields.objectType !== ObjectType.Certificate) {
      throw new KryptonError('invalid-field', 'Link a Certificate by PKCS#12 Certificate Link and Certificate Link')
    }
    checkKeyValuePresent(certificate)
    chain.push(bytesOfSecret(await unit.objects.open(certificate)))
    at = onlyCertificate(certificate)
  }
  return chain
}

async function firstCertificate(object: ManagedObject, { unit }: OperationContext): Promise<string | undefined> {
  const direct = onlyCertificate(object)
  if (direct !== undefined) return direct
  const [publicKey] = linksOf(object, LinkType.PublicKeyLink)
  return publicKey === undefined ? undefined : onlyCertificate(await unit.get(publicKey))
}

/** @throws KryptonError invalid-field: there are several chains */
function onlyCertificate(object: ManagedObject): string | undefined {
  const direct = linksOf(object, LinkType.PKCS12CertificateLink)
  const [first, ...more] = direct.length > 0 ? direct : linksOf(object, LinkType.CertificateLink)
  if (more.length === 0) return first
  throw new KryptonError('invalid-field', 'Leave one Link to a certificate: several give more than one chain')
}

function linksOf({ attributes }: ManagedObject, linkType: LinkType): string[] {
  const links = attributes.all('link').filter(({ value }) => value.linkType === linkType)
  return links.map(({ value }) => value.linkedObjectIdentifier)
}

async function pkcs8Of(object: ManagedObject, context: OperationContext): Promise<Buffer> {
  const kept = bytesOfSecret(await openMaterial(object, context))
  try {
    const parts = keyPartsOf(ObjectType.PrivateKey, object.fields.keyFormatType, kept)
    return materialAs(ObjectType.PrivateKey, KeyFormatType.PKCS8, parts)
  } finally {
    kept.fill(0)
  }
}

const saltBytes = 16
const keyBytes = 32

/** 3.45: of a key that has none. */
const usualFriendlyName = 'alias'
