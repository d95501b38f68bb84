import { digest } from '../crypto/digest.ts'
import type { OpenedPkcs12 } from '../crypto/pkcs12-reading.ts'
import { KryptonError } from '../errors.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { CertificateType, KeyFormatType, LinkType, ObjectType } from '../kmip/enums.ts'
import { isBytes } from '../kmip/key-block.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import type { Link } from '../kmip/structures.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { checkPkcs12 } from '../objects/crypto-policy.ts'
import { newObject } from '../objects/new-object.ts'
import type { OperationContext } from './handler.ts'
import { checkSize } from './key-block-attributes.ts'
import { link } from './key-pair-halves.ts'
import { pkcs12Password } from './pkcs12-password.ts'
import { registeredCertificate } from './registered-certificate.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { openMaterial } from './unwrapped-material.ts'

/** A Private Key of a Register whose key material is a PKCS#12 file, which KMIP has from 1.4 on. */
export function isPkcs12({ privateKey }: RegisterRequest, version: KmipVersion): boolean {
  return version >= 14 && privateKey?.keyBlock.keyFormatType === KeyFormatType.PKCS12
}

/**
 * Opens the file of such a request (KMIP 1.4 sections 3.45, 11.4), under the password of its PKCS#12 Password Link, and calls `take` with the same request
 * that has the key of it as PKCS#8 and its friendly name. The chain of certificates becomes objects of their own, in the unit of the request, with Links from
 * the key up, unless the request has a Link to a certificate itself. So Get gives the file's content again, as PKCS#12 too.
 * @throws KryptonError invalid-field, item-not-found, key-value-not-present; cryptographic-failure: it is not under that password;
 *   unsupported-cryptographic-parameters
 */
export async function withOpenedPkcs12<T>(
  request: RegisterRequest,
  context: OperationContext,
  take: (opened: RegisterRequest) => T | Promise<T>,
): Promise<T> {
  checkPkcs12(context.policy)
  const requested = requestedAttributes(request.templateAttribute)
  const { keyBlock } = request.privateKey! // isPkcs12
  const file = fileIn(keyBlock)
  const links = requested.filter(({ name }) => name === 'link').map(({ value }) => value as Link) // read under this name
  const password = await pkcs12Password(links, context)
  const friendlyName = requested.find(({ name }) => name === 'pkcs12FriendlyName')?.value as string | undefined // a Text String
  const opened = await openFile(file, friendlyName, () => openMaterial(password, context), context)
  try {
    const isLinked = links.some(({ linkType }) => certificateLinks.has(linkType))
    const leaf = isLinked ? undefined : await keepChain(opened.certificates, requested, context)
    const added = [
      ...(friendlyName === undefined && opened.friendlyName !== undefined
        ? [wireAttribute('pkcs12FriendlyName', undefined, opened.friendlyName)]
        : []),
      ...(leaf === undefined ? [] : [link(LinkType.PKCS12CertificateLink, leaf)]),
    ]
    return await take({
      ...request,
      templateAttribute: { names: [], attributes: [...requested, ...added] },
      privateKey: {
        keyBlock: {
          ...keyBlock,
          keyFormatType: KeyFormatType.PKCS8,
          wrappedKeyValue: undefined,
          keyValue: { attributes: keyBlock.keyValue?.attributes, keyMaterial: opened.privateKey },
        },
      },
    })
  } finally {
    opened.privateKey.fill(0)
  }
}

/** The file stands in a Key Value, or is one: the OASIS cases have Get answer so. */
function fileIn({ keyValue, wrappedKeyValue }: KeyBlock): Uint8Array {
  const file = wrappedKeyValue ?? keyValue?.keyMaterial
  if (file === undefined || !isBytes(file))
    throw new KryptonError('missing-data', 'Send the PKCS#12 file as Key Material')
  const bytes = file as Uint8Array // what was read from a frame is a view of it
  checkSize(bytes)
  return bytes
}

async function openFile(
  file: Uint8Array,
  friendlyName: string | undefined,
  open: () => ReturnType<typeof openMaterial>,
  { cryptoWork, owner }: OperationContext,
): Promise<OpenedPkcs12> {
  const password = await open()
  try {
    return await cryptoWork.readPkcs12(owner, password, file, friendlyName)
  } finally {
    password.wipe()
  }
}

/** Makes the objects of a chain, the last of it first. Returns the identifier of the key's own certificate; undefined when there is no chain. */
async function keepChain(
  certificates: readonly Uint8Array[],
  requested: readonly WireAttribute[],
  context: OperationContext,
): Promise<Buffer | undefined> {
  const { unit, version, now } = context
  // A client whose role is limited to a group makes objects in that group alone.
  const groups = requested.filter(({ name }) => name === 'objectGroup')
  let parent: Buffer | undefined
  for (const certificateValue of certificates.toReversed()) {
    const id = context.randomBytes(16)
    const own = registeredCertificate(
      { certificateType: CertificateType.X509, certificateValue },
      parent === undefined ? groups : [...groups, link(LinkType.CertificateLink, parent)],
    )
    const draft = newObject({
      ...own,
      id,
      sequence: unit.objects.nextSequence(),
      objectType: ObjectType.Certificate,
      digest: digest('sha256', certificateValue),
      keyValuePresent: true,
      generated: false,
      version,
      now,
    })
    await unit.create(draft, certificateValue)
    parent = id
  }
  return parent
}

const certificateLinks: ReadonlySet<number> = new Set([LinkType.PKCS12CertificateLink, LinkType.CertificateLink])
