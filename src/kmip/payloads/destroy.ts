import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.21 */
export const DestroyRequest = struct('Destroy', { uniqueIdentifier: optional(Tag.UniqueIdentifier, text) })
export type DestroyRequest = ValueOf<typeof DestroyRequest>

export const DestroyResponse = struct('Destroy', { uniqueIdentifier: required(Tag.UniqueIdentifier, text) })
export type DestroyResponse = ValueOf<typeof DestroyResponse>
