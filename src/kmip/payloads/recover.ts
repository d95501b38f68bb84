import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.23 */
export const RecoverRequest = struct('Recover', { uniqueIdentifier: optional(Tag.UniqueIdentifier, text) })
export type RecoverRequest = ValueOf<typeof RecoverRequest>

export const RecoverResponse = struct('Recover', { uniqueIdentifier: required(Tag.UniqueIdentifier, text) })
export type RecoverResponse = ValueOf<typeof RecoverResponse>
