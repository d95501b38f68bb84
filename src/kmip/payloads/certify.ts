import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { bytes, enumeration, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.7 */
export const CertifyRequest = struct('Certify', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  certificateRequestType: optional(Tag.CertificateRequestType, enumeration('CertificateRequestType')),
  certificateRequest: optional(Tag.CertificateRequest, bytes),
  templateAttribute: optional(Tag.TemplateAttribute, TemplateAttribute),
})
export type CertifyRequest = ValueOf<typeof CertifyRequest>

export const CertifyResponse = struct('Certify', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type CertifyResponse = ValueOf<typeof CertifyResponse>
