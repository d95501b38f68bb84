import { TemplateAttribute } from '../attributes-1x.ts'
import { bytes, enumeration, interval, text } from '../kinds.ts'
import { optional, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.8. The answer is that of a Certify. */
export const ReCertifyRequest = struct('Re-certify', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  certificateRequestType: optional(Tag.CertificateRequestType, enumeration('CertificateRequestType')),
  certificateRequest: optional(Tag.CertificateRequest, bytes),
  offset: optional(Tag.Offset, interval),
  templateAttribute: optional(Tag.TemplateAttribute, TemplateAttribute),
})
export type ReCertifyRequest = ValueOf<typeof ReCertifyRequest>
