import type { AttributeName, AttributeValues } from '../../src/kmip/attribute.ts'
import {
  AlternativeNameType,
  BlockCipherMode,
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  KeyValueLocationType,
  LinkType,
  NameType,
  ObjectType,
  RecommendedCurve,
  RevocationReasonCode,
  RNGAlgorithm,
  State,
} from '../../src/kmip/enums.ts'

const { Encrypt, Sign, MACGenerate } = CryptographicUsageMask
const { CertificateLink, ChildLink } = LinkType
const [before, after] = [1_000_000_000, 2_000_000_000]

/** Two values of each attribute that a request may carry, of the specification's own kinds. The first date has passed, the second is yet to come. */
export const attributeSamples: { readonly [K in AttributeName]: readonly [AttributeValues[K], AttributeValues[K]] } = {
  uniqueIdentifier: ['one', 'two'],
  name: [
    { nameValue: 'one', nameType: NameType.UninterpretedTextString },
    { nameValue: 'urn:two', nameType: NameType.URI },
  ],
  objectType: [ObjectType.SymmetricKey, ObjectType.PublicKey],
  cryptographicAlgorithm: [CryptographicAlgorithm.AES, CryptographicAlgorithm.RSA],
  cryptographicLength: [128, 2048],
  cryptographicParameters: [{ blockCipherMode: BlockCipherMode.CBC }, { hashingAlgorithm: HashingAlgorithm.SHA256 }],
  cryptographicDomainParameters: [
    { recommendedCurve: RecommendedCurve.P256 },
    { qlength: 256, recommendedCurve: RecommendedCurve.P256 },
  ],
  certificateType: [CertificateType.X509, CertificateType.PGP],
  certificateLength: [512, 1024],
  x509CertificateIdentifier: [
    { issuerDistinguishedName: Buffer.from('issuer'), certificateSerialNumber: Buffer.from([1]) },
    { issuerDistinguishedName: Buffer.from('issuer'), certificateSerialNumber: Buffer.from([2]) },
  ],
  x509CertificateSubject: [
    { subjectDistinguishedName: Buffer.from('one'), subjectAlternativeNames: [] },
    { subjectDistinguishedName: Buffer.from('two'), subjectAlternativeNames: [] },
  ],
  x509CertificateIssuer: [
    { issuerDistinguishedName: Buffer.from('one'), issuerAlternativeNames: [] },
    { issuerDistinguishedName: Buffer.from('two'), issuerAlternativeNames: [] },
  ],
  certificateIdentifier: [
    { issuer: 'CN=one', serialNumber: '01' },
    { issuer: 'CN=two', serialNumber: '02' },
  ],
  certificateSubject: [
    { certificateSubjectDistinguishedName: 'CN=one', certificateSubjectAlternativeNames: [] },
    { certificateSubjectDistinguishedName: 'CN=two', certificateSubjectAlternativeNames: [] },
  ],
  certificateIssuer: [
    { certificateIssuerDistinguishedName: 'CN=one', certificateIssuerAlternativeNames: [] },
    { certificateIssuerDistinguishedName: 'CN=two', certificateIssuerAlternativeNames: [] },
  ],
  digitalSignatureAlgorithm: [
    DigitalSignatureAlgorithm.ECDSAWithSHA256,
    DigitalSignatureAlgorithm.SHA256WithRSAEncryptionPKCS1V1_5,
  ],
  digest: [
    { hashingAlgorithm: HashingAlgorithm.SHA256, digestValue: Buffer.alloc(32, 1), keyFormatType: KeyFormatType.Raw },
    { hashingAlgorithm: HashingAlgorithm.SHA512, digestValue: Buffer.alloc(64, 2), keyFormatType: KeyFormatType.Raw },
  ],
  operationPolicyName: ['default', 'other'],
  cryptographicUsageMask: [Encrypt | MACGenerate, Sign],
  leaseTime: [3600, 60],
  usageLimits: [
    { usageLimitsTotal: 10n, usageLimitsUnit: 1 },
    { usageLimitsTotal: 20n, usageLimitsUnit: 2 },
  ],
  state: [State.PreActive, State.Active],
  initialDate: [before, after],
  activationDate: [before, after],
  processStartDate: [before, after],
  protectStopDate: [before, after],
  deactivationDate: [before, after],
  destroyDate: [before, after],
  compromiseOccurrenceDate: [before, after],
  compromiseDate: [before, after],
  revocationReason: [
    { revocationReasonCode: RevocationReasonCode.Unspecified },
    { revocationReasonCode: RevocationReasonCode.KeyCompromise, revocationMessage: 'lost' },
  ],
  archiveDate: [before, after],
  objectGroup: ['one', 'two'],
  fresh: [true, false],
  link: [
    { linkType: CertificateLink, linkedObjectIdentifier: 'one' },
    { linkType: ChildLink, linkedObjectIdentifier: 'two' },
  ],
  applicationSpecificInformation: [
    { applicationNamespace: 'ssl', applicationData: 'one' },
    { applicationNamespace: 'ssl', applicationData: 'two' },
  ],
  contactInformation: ['one', 'two'],
  lastChangeDate: [before, after],
  alternativeName: [
    { alternativeNameValue: 'one', alternativeNameType: AlternativeNameType.UninterpretedTextString },
    { alternativeNameValue: 'urn:two', alternativeNameType: AlternativeNameType.URI },
  ],
  keyValuePresent: [true, false],
  keyValueLocation: [
    { keyValueLocationValue: 'shelf', keyValueLocationType: KeyValueLocationType.UninterpretedTextString },
    { keyValueLocationValue: 'urn:shelf', keyValueLocationType: KeyValueLocationType.URI },
  ],
  originalCreationDate: [before, after],
  randomNumberGenerator: [{ rngAlgorithm: RNGAlgorithm.Unspecified }, { rngAlgorithm: RNGAlgorithm.DRBG }],
  pkcs12FriendlyName: ['one', 'two'],
  description: ['one', 'two'],
  comment: ['one', 'two'],
  sensitive: [false, true],
  alwaysSensitive: [false, true],
  extractable: [true, false],
  neverExtractable: [false, true],
}
