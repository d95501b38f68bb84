import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.19 */
export const ActivateRequest = struct('Activate', { uniqueIdentifier: optional(Tag.UniqueIdentifier, text) })
export type ActivateRequest = ValueOf<typeof ActivateRequest>

export const ActivateResponse = struct('Activate', { uniqueIdentifier: required(Tag.UniqueIdentifier, text) })
export type ActivateResponse = ValueOf<typeof ActivateResponse>
