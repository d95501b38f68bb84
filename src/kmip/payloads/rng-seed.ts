import { bytes, integer } from '../kinds.ts'
import { required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.36 */
export const RngSeedRequest = struct('RNG Seed', { data: required(Tag.Data, bytes) }, { missing: 'missing-data' })
export type RngSeedRequest = ValueOf<typeof RngSeedRequest>

export const RngSeedResponse = struct('RNG Seed', { dataLength: required(Tag.DataLength, integer) })
export type RngSeedResponse = ValueOf<typeof RngSeedResponse>
