import { Tag } from './tags.ts'
import { boolean, bytes, enumeration, integer, longInteger, text, vendorStructure } from './kinds.ts'
import { optional, repeated, required, struct } from './struct.ts'
import type { ValueOf } from './struct.ts'

/** Structures that stand inside payloads and attributes (KMIP 1.4 sections 2.1 and 3). */

/** 6.1 */
export const ProtocolVersion = struct('Protocol Version', {
  protocolVersionMajor: required(Tag.ProtocolVersionMajor, integer),
  protocolVersionMinor: required(Tag.ProtocolVersionMinor, integer),
})

/** 3.2 */
export const Name = struct('Name', {
  nameValue: required(Tag.NameValue, text),
  nameType: required(Tag.NameType, enumeration('NameType')),
})
export type Name = ValueOf<typeof Name>

/** 3.6. Lengths in bits, but for the tag's, which is in bytes. */
export const CryptographicParameters = struct('Cryptographic Parameters', {
  blockCipherMode: optional(Tag.BlockCipherMode, enumeration('BlockCipherMode')),
  paddingMethod: optional(Tag.PaddingMethod, enumeration('PaddingMethod')),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumeration('HashingAlgorithm')),
  keyRoleType: optional(Tag.KeyRoleType, enumeration('KeyRoleType')),
  digitalSignatureAlgorithm: optional(Tag.DigitalSignatureAlgorithm, enumeration('DigitalSignatureAlgorithm'), {
    since: 12,
  }),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration('CryptographicAlgorithm'), { since: 12 }),
  randomIV: optional(Tag.RandomIV, boolean, { since: 12 }),
  ivLength: optional(Tag.IVLength, integer, { since: 12 }),
  tagLength: optional(Tag.TagLength, integer, { since: 12 }),
  fixedFieldLength: optional(Tag.FixedFieldLength, integer, { since: 12 }),
  invocationFieldLength: optional(Tag.InvocationFieldLength, integer, { since: 12 }),
  counterLength: optional(Tag.CounterLength, integer, { since: 12 }),
  initialCounterValue: optional(Tag.InitialCounterValue, integer, { since: 12 }),
  saltLength: optional(Tag.SaltLength, integer, { since: 14 }),
  maskGenerator: optional(Tag.MaskGenerator, enumeration('MaskGenerator'), { since: 14 }),
  maskGeneratorHashingAlgorithm: optional(Tag.MaskGeneratorHashingAlgorithm, enumeration('HashingAlgorithm'), {
    since: 14,
  }),
  pSource: optional(Tag.PSource, bytes, { since: 14 }),
  trailerField: optional(Tag.TrailerField, integer, { since: 14 }),
})
export type CryptographicParameters = ValueOf<typeof CryptographicParameters>

/** 3.7 */
export const CryptographicDomainParameters = struct('Cryptographic Domain Parameters', {
  qlength: optional(Tag.Qlength, integer),
  recommendedCurve: optional(Tag.RecommendedCurve, enumeration('RecommendedCurve')),
})
export type CryptographicDomainParameters = ValueOf<typeof CryptographicDomainParameters>

/** 3.10 */
export const X509CertificateIdentifier = struct('X.509 Certificate Identifier', {
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, bytes),
  certificateSerialNumber: required(Tag.CertificateSerialNumber, bytes),
})
export type X509CertificateIdentifier = ValueOf<typeof X509CertificateIdentifier>

/** 3.11 */
export const X509CertificateSubject = struct('X.509 Certificate Subject', {
  subjectDistinguishedName: required(Tag.SubjectDistinguishedName, bytes),
  subjectAlternativeNames: repeated(Tag.SubjectAlternativeName, bytes),
})
export type X509CertificateSubject = ValueOf<typeof X509CertificateSubject>

/** 3.12 */
export const X509CertificateIssuer = struct('X.509 Certificate Issuer', {
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, bytes),
  issuerAlternativeNames: repeated(Tag.IssuerAlternativeName, bytes),
})
export type X509CertificateIssuer = ValueOf<typeof X509CertificateIssuer>

/** 3.13 */
export const CertificateIdentifier = struct('Certificate Identifier', {
  issuer: required(Tag.Issuer, text),
  serialNumber: optional(Tag.SerialNumber, text),
})
export type CertificateIdentifier = ValueOf<typeof CertificateIdentifier>

/** 3.14 */
export const CertificateSubject = struct('Certificate Subject', {
  certificateSubjectDistinguishedName: required(Tag.CertificateSubjectDistinguishedName, text),
  certificateSubjectAlternativeNames: repeated(Tag.CertificateSubjectAlternativeName, text),
})
export type CertificateSubject = ValueOf<typeof CertificateSubject>

/** 3.15 */
export const CertificateIssuer = struct('Certificate Issuer', {
  certificateIssuerDistinguishedName: required(Tag.CertificateIssuerDistinguishedName, text),
  certificateIssuerAlternativeNames: repeated(Tag.CertificateIssuerAlternativeName, text),
})
export type CertificateIssuer = ValueOf<typeof CertificateIssuer>

/** 3.17 */
export const Digest = struct('Digest', {
  hashingAlgorithm: required(Tag.HashingAlgorithm, enumeration('HashingAlgorithm')),
  digestValue: optional(Tag.DigestValue, bytes),
  keyFormatType: optional(Tag.KeyFormatType, enumeration('KeyFormatType'), { since: 11 }),
})
export type Digest = ValueOf<typeof Digest>

/** 3.21 */
export const UsageLimits = struct('Usage Limits', {
  usageLimitsTotal: required(Tag.UsageLimitsTotal, longInteger),
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  usageLimitsUnit: required(Tag.UsageLimitsUnit, enumeration('UsageLimitsUnit')),
})
export type UsageLimits = ValueOf<typeof UsageLimits>

/** 3.31 */
export const RevocationReason = struct('Revocation Reason', {
  revocationReasonCode: required(Tag.RevocationReasonCode, enumeration('RevocationReasonCode')),
  revocationMessage: optional(Tag.RevocationMessage, text),
})
export type RevocationReason = ValueOf<typeof RevocationReason>

/** 3.35 */
export const Link = struct('Link', {
  linkType: required(Tag.LinkType, enumeration('LinkType')),
  linkedObjectIdentifier: required(Tag.LinkedObjectIdentifier, text),
})
export type Link = ValueOf<typeof Link>

/** 3.36. The server may be asked to make the data, from 1.1 on. */
export const ApplicationSpecificInformation = struct('Application Specific Information', {
  applicationNamespace: required(Tag.ApplicationNamespace, text),
  applicationData: optional(Tag.ApplicationData, text),
})
export type ApplicationSpecificInformation = ValueOf<typeof ApplicationSpecificInformation>

/** 3.40 */
export const AlternativeName = struct('Alternative Name', {
  alternativeNameValue: required(Tag.AlternativeNameValue, text),
  alternativeNameType: required(Tag.AlternativeNameType, enumeration('AlternativeNameType')),
})
export type AlternativeName = ValueOf<typeof AlternativeName>

/** 3.42 */
export const KeyValueLocation = struct('Key Value Location', {
  keyValueLocationValue: required(Tag.KeyValueLocationValue, text),
  keyValueLocationType: required(Tag.KeyValueLocationType, enumeration('KeyValueLocationType')),
})
export type KeyValueLocation = ValueOf<typeof KeyValueLocation>

/** 2.1.18 */
export const RngParameters = struct('RNG Parameters', {
  rngAlgorithm: required(Tag.RNGAlgorithm, enumeration('RNGAlgorithm')),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration('CryptographicAlgorithm')),
  cryptographicLength: optional(Tag.CryptographicLength, integer),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumeration('HashingAlgorithm')),
  drbgAlgorithm: optional(Tag.DRBGAlgorithm, enumeration('DRBGAlgorithm')),
  recommendedCurve: optional(Tag.RecommendedCurve, enumeration('RecommendedCurve')),
  fips186Variation: optional(Tag.FIPS186Variation, enumeration('FIPS186Variation')),
  predictionResistance: optional(Tag.PredictionResistance, boolean),
})
export type RngParameters = ValueOf<typeof RngParameters>

/** 2.1.14 */
export const Nonce = struct('Nonce', {
  nonceID: required(Tag.NonceID, bytes),
  nonceValue: required(Tag.NonceValue, bytes),
})
export type Nonce = ValueOf<typeof Nonce>

/** 2.1.9 */
export const ExtensionInformation = struct('Extension Information', {
  extensionName: required(Tag.ExtensionName, text),
  extensionTag: optional(Tag.ExtensionTag, integer),
  extensionType: optional(Tag.ExtensionType, integer),
})
export type ExtensionInformation = ValueOf<typeof ExtensionInformation>

/** 2.1.19 */
export const ProfileInformation = struct('Profile Information', {
  profileName: required(Tag.ProfileName, enumeration('ProfileName')),
  serverURI: optional(Tag.ServerURI, text),
  serverPort: optional(Tag.ServerPort, integer),
})
export type ProfileInformation = ValueOf<typeof ProfileInformation>

/** 2.1.20 */
export const ValidationInformation = struct('Validation Information', {
  validationAuthorityType: required(Tag.ValidationAuthorityType, enumeration('ValidationAuthorityType')),
  validationAuthorityCountry: optional(Tag.ValidationAuthorityCountry, text),
  validationAuthorityURI: optional(Tag.ValidationAuthorityURI, text),
  validationVersionMajor: required(Tag.ValidationVersionMajor, integer),
  validationVersionMinor: optional(Tag.ValidationVersionMinor, integer),
  validationType: required(Tag.ValidationType, enumeration('ValidationType')),
  validationLevel: required(Tag.ValidationLevel, integer),
  validationCertificateIdentifier: optional(Tag.ValidationCertificateIdentifier, text),
  validationCertificateURI: optional(Tag.ValidationCertificateURI, text),
  validationVendorURI: optional(Tag.ValidationVendorURI, text),
  validationProfiles: repeated(Tag.ValidationProfile, text),
})
export type ValidationInformation = ValueOf<typeof ValidationInformation>

/** 2.1.21 */
export const CapabilityInformation = struct('Capability Information', {
  streamingCapability: optional(Tag.StreamingCapability, boolean),
  asynchronousCapability: optional(Tag.AsynchronousCapability, boolean),
  attestationCapability: optional(Tag.AttestationCapability, boolean),
  batchUndoCapability: optional(Tag.BatchUndoCapability, boolean, { since: 14 }),
  batchContinueCapability: optional(Tag.BatchContinueCapability, boolean, { since: 14 }),
  unwrapMode: optional(Tag.UnwrapMode, enumeration('UnwrapMode')),
  destroyAction: optional(Tag.DestroyAction, enumeration('DestroyAction')),
  shreddingAlgorithm: optional(Tag.ShreddingAlgorithm, enumeration('ShreddingAlgorithm')),
  rngMode: optional(Tag.RNGMode, enumeration('RNGMode')),
})
export type CapabilityInformation = ValueOf<typeof CapabilityInformation>

/** 6.16 */
export const MessageExtension = struct('Message Extension', {
  vendorIdentification: required(Tag.VendorIdentification, text),
  criticalityIndicator: required(Tag.CriticalityIndicator, boolean),
  vendorExtension: required(Tag.VendorExtension, vendorStructure),
})
export type MessageExtension = ValueOf<typeof MessageExtension>
