import { repeated, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { ProtocolVersion } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.26 */
export const DiscoverVersionsRequest = struct('Discover Versions', {
  protocolVersions: repeated(Tag.ProtocolVersion, ProtocolVersion),
})
export type DiscoverVersionsRequest = ValueOf<typeof DiscoverVersionsRequest>

export const DiscoverVersionsResponse = struct('Discover Versions', {
  protocolVersions: repeated(Tag.ProtocolVersion, ProtocolVersion),
})
export type DiscoverVersionsResponse = ValueOf<typeof DiscoverVersionsResponse>
