import { TemplateAttribute } from '../attributes-1x.ts'
import { interval, text } from '../kinds.ts'
import { optional, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.5. The answer is that of Create Key Pair. */
export const ReKeyKeyPairRequest = struct('Re-key Key Pair', {
  privateKeyUniqueIdentifier: optional(Tag.PrivateKeyUniqueIdentifier, text),
  offset: optional(Tag.Offset, interval),
  commonTemplateAttribute: optional(Tag.CommonTemplateAttribute, TemplateAttribute),
  privateKeyTemplateAttribute: optional(Tag.PrivateKeyTemplateAttribute, TemplateAttribute),
  publicKeyTemplateAttribute: optional(Tag.PublicKeyTemplateAttribute, TemplateAttribute),
})
export type ReKeyKeyPairRequest = ValueOf<typeof ReKeyKeyPairRequest>
