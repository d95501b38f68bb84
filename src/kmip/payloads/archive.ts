import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.22 */
export const ArchiveRequest = struct('Archive', { uniqueIdentifier: optional(Tag.UniqueIdentifier, text) })
export type ArchiveRequest = ValueOf<typeof ArchiveRequest>

export const ArchiveResponse = struct('Archive', { uniqueIdentifier: required(Tag.UniqueIdentifier, text) })
export type ArchiveResponse = ValueOf<typeof ArchiveResponse>
