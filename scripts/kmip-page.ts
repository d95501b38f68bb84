import { KryptonError } from '../src/errors.ts'
import { attributeNames, attributeTable } from '../src/kmip/attribute.ts'
import { BlockCipherMode, CryptographicAlgorithm, enumTables, KeyFormatType, ObjectType } from '../src/kmip/enums.ts'
import type { EnumName } from '../src/kmip/enums.ts'
import { payloadsOf } from '../src/kmip/payloads/index.ts'
import { oldestVersion, supportedVersions, versionText } from '../src/kmip/version.ts'
import type { KmipVersion } from '../src/kmip/version.ts'
import { limits } from '../src/limits.ts'
import { blockCipherModes, cipherAlgorithms, generatedLength, paddingMethods } from '../src/objects/algorithms.ts'
import { checkAsymmetricFormat, curveOfNumber, ecAlgorithms } from '../src/objects/asymmetric-format.ts'
import { derivationMethods } from '../src/objects/derivation.ts'
import { hashOf } from '../src/objects/hashing.ts'
import { checkCertificateFormat, keyMaterialAs } from '../src/objects/key-format.ts'
import { wrappingMethods } from '../src/objects/key-wrapping.ts'
import { macAlgorithms } from '../src/objects/mac-use.ts'
import { servedObjectTypes } from '../src/operations/query.ts'

export const pagePath = new URL('../docs/kmip.md', import.meta.url)

/** The text of docs/kmip.md: what of KMIP 1.0 to 1.4 is served and what is not, from the tables that the server runs by. */
export function kmipPage(): string {
  return [
    '# What of KMIP 1.0 to 1.4 is served',
    'Written by scripts/kmip-page.ts from the tables that the server runs by; change those, then run `npm run generate`.',
    'Names are those of the specification. Under a version is `yes` where the server does it, `no` where the version has it and the server refuses it, and `-` where the version does not have it.',
    '## Operations',
    'One that is not served is answered with Operation Not Supported, and Query does not list it. Notify and Put, which a server sends to a client, are not sent.',
    'From 1.3 on Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify and Hash take their data in parts; RSA encryption takes its own whole.',
    byVersion('Operation', (operation) => payloadsOf(operation) !== undefined),
    '## Where the specification says two things, or none',
    [
      '- Revoke for another reason than a compromise makes an object that was Pre-Active Deactivated (4.20), though 3.22 has no such transition.',
      '- Encrypt without an IV makes one and gives it back, also where Random IV is False or missing; one that is sent is used and not given back, also where Random IV is True (4.29).',
      '- A key protects until the end of the second of its Protect Stop Date (3.26: not after it), and is Deactivated from the beginning of that of its Deactivation Date (3.27).',
      '- The first Get of an object makes its Fresh False (3.34) and leaves its Last Change Date, which Get does not set (3.38, Table 136).',
      '- Revoke for another reason than a compromise may be repeated: a Deactivated object stays so with its Deactivation Date, and has the newest Revocation Reason (4.20 and Table 347 refuse nothing there, 3.22 has no such transition). Clients revoke before they destroy without asking for the state.',
      '- Encrypt and Decrypt without Cryptographic Parameters, with a key of AES or 3DES that has none either, use CBC with PKCS5; 4.29 has the operation fail. mongod encrypts so.',
      '- Decrypt without the IV that its mode needs is refused with Invalid Message, as the OASIS cases have it (CS-BC-M-12, CS-BC-M-13); 6.10 would have Missing Data.',
      "- An IV/Counter/Nonce that is not as long as the IV Length beside it says is refused (3.6). Let pass are a Padding Method with a mode that pads nothing, such as GCM, and a GCM IV of the client's own of any length from 1 byte to 128, where `crypto.clientNonces` and the profile let a client bring one.",
      '- Names are unique in a service by their Name Value: one of another Name Type is taken too (3.2, 11.2). Locate finds a Name by the fields that it gives (4.9): one that gives the Name Value alone finds it with each Name Type. An object may have the same Name twice; 3 says that instances should differ.',
      '- A Name of a Template-Attribute in Locate is a Name to look for, not that of a template (4.9 has no Template-Attribute there, 11.10 speaks of templates): clients wrap their filters in one. Where nothing has it, nothing is found.',
      `- Locate gives at most ${limits.locateItemsMax.toLocaleString('en')} Unique Identifiers, without saying that there are more: ask again with Offset Items as long as an answer is full (it is taken from 1.0 on). Located Items comes from 1.3 on with an answer to Offset Items, where the search has come to its end; not where the answer is full before all was read, since only what was read and verified is counted.`,
      '- A Query Function that the server does not know adds nothing to the answer (4.25 and 11.26 say nothing of it).',
    ].join('\n'),
    '## Objects',
    byVersion('ObjectType', (objectType) => servedObjectTypes.includes(objectType as ObjectType)),
    '## Attributes',
    'The rules of section 3 that the server goes by; an attribute is `always there` on the objects that it applies to. Each attribute is known from its version on; a client of an older version is not shown it. Custom attributes are kept with each of their types, a Structure that holds no other Structure (3.39) among them; names with `y-` are taken from clients too, as real ones send them.',
    attributes(),
    '## Key formats',
    'What Register takes and Get gives. A Certificate has X.509 alone. PKCS#12 (from 1.4 on) is a file under the password of the PKCS#12 Password Link of its Private Key.',
    table(
      'KeyFormatType',
      formatTypes.map((objectType) => [
        nameOf('ObjectType', objectType),
        (format) => yesOrNo(accepts(() => checkFormat(objectType, format))),
      ]),
    ),
    '## Cryptographic algorithms',
    'Create makes keys of the algorithm; Create Key Pair makes pairs of it; Encrypt and Decrypt, MAC and MAC Verify use it (CMAC: AES and 3DES too). Poly1305 alone authenticates one message a key: two with the same key give it away, so MAC does not serve it.',
    table('CryptographicAlgorithm', [
      ['Create', (algorithm) => yesOrNo(accepts(() => generatedLength(algorithm, undefined)))],
      ['Create Key Pair', (algorithm) => yesOrNo(isOfPairs(algorithm))],
      ['Encrypt', (algorithm) => yesOrNo(cipherAlgorithms.has(algorithm) || algorithm === CryptographicAlgorithm.RSA)],
      ['MAC', (algorithm) => yesOrNo(macAlgorithms.has(algorithm))],
    ]),
    '## Block cipher modes',
    'Of Encrypt and Decrypt with AES, from 1.2 on. 3DES has CBC, ECB, CFB and OFB, where `crypto.tripleDes` lets it encrypt at all; AEAD is that of ChaCha20-Poly1305, CMAC one of MAC and MAC Verify.',
    byVersion(
      'BlockCipherMode',
      (mode) => blockCipherModes.has(mode) || mode === BlockCipherMode.CMAC,
      cryptographySince,
    ),
    '## Padding methods',
    'Of ECB and CBC, from 1.2 on. Zeros that fill a block stay when it is decrypted: nothing says how many there were.',
    byVersion('PaddingMethod', (padding) => paddingMethods.has(padding), cryptographySince),
    '## Wrapping methods',
    'Of keys that Get gives and Register takes. A key encrypts others by a mode of Encrypt or by RSA, as its Cryptographic Parameters say, with the mask Wrap Key or Unwrap Key.',
    byVersion('WrappingMethod', (method) => wrappingMethods.has(method)),
    '## Hashing algorithms',
    'Of Hash, and of what takes Cryptographic Parameters, from 1.2 on.',
    byVersion('HashingAlgorithm', (hash) => accepts(() => hashOf(hash)), cryptographySince),
    '## Derivation methods',
    'Of Derive Key.',
    byVersion('DerivationMethod', (method) => derivationMethods.has(method)),
    '## Curves',
    byVersion('RecommendedCurve', (curve) => curveOfNumber(curve) !== undefined),
  ]
    .join('\n\n')
    .concat('\n')
}

/** The first version with operations of cryptography. */
const cryptographySince: KmipVersion = 12

const formatTypes = [
  ObjectType.SymmetricKey,
  ObjectType.SecretData,
  ObjectType.SplitKey,
  ObjectType.PGPKey,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
  ObjectType.Certificate,
] as const

function checkFormat(objectType: (typeof formatTypes)[number], format: number): void {
  // A file becomes a key of another format before anything else looks at it.
  if (objectType === ObjectType.PrivateKey && format === KeyFormatType.PKCS12) return
  if (objectType === ObjectType.Certificate) checkCertificateFormat(format)
  else if (objectType === ObjectType.PublicKey || objectType === ObjectType.PrivateKey)
    checkAsymmetricFormat(objectType, format)
  else keyMaterialAs(objectType, format, new Uint8Array(0))
}

function isOfPairs(algorithm: number): boolean {
  return algorithm === CryptographicAlgorithm.RSA || ecAlgorithms.includes(algorithm)
}

/** Does the rule let it pass? What is no refusal of it goes on. */
function accepts(rule: () => unknown): boolean {
  try {
    rule()
    return true
  } catch (error) {
    if (error instanceof KryptonError) return false
    throw error
  }
}

function byVersion(
  enumeration: EnumName,
  isServed: (value: number) => boolean,
  since: KmipVersion = oldestVersion,
): string {
  const { [enumeration]: values } = enumTables
  return table(
    enumeration,
    supportedVersions.toReversed().map((version) => [
      versionText(version),
      (value) => (Math.max(since, values.get(value)!.since) > version ? '-' : yesOrNo(isServed(value))), // a row for each value
    ]),
  )
}

function table(
  enumeration: EnumName,
  columns: readonly (readonly [heading: string, cell: (value: number) => string])[],
): string {
  const values = [...enumTables[enumeration].keys()]
  return lines(
    ['', ...columns.map(([heading]) => heading)],
    values.map((value) => [nameOf(enumeration, value), ...columns.map(([, cell]) => cell(value))]),
  )
}

function attributes(): string {
  return lines(
    ['', 'since', 'set by', 'several', 'server modifies', 'client modifies', 'client deletes', 'always there', 'of'],
    attributeNames.map((name) => {
      const rules = attributeTable[name]
      return [
        rules.attributeName,
        versionText(rules.since),
        rules.setBy,
        yesOrNo(rules.multiple),
        yesOrNo(rules.modifiableByServer),
        yesOrNo(rules.modifiableByClient),
        yesOrNo(rules.deletableByClient),
        yesOrNo(rules.alwaysHasValue),
        objects(rules.appliesTo),
      ]
    }),
  )
}

function objects(objectTypes: readonly ObjectType[]): string {
  if (objectTypes.length === enumTables.ObjectType.size) return 'all objects'
  return objectTypes.map((objectType) => nameOf('ObjectType', objectType)).join(', ')
}

function lines(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function nameOf(enumeration: EnumName, value: number): string {
  return enumTables[enumeration].get(value)!.name // the value of a row
}

function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no'
}
