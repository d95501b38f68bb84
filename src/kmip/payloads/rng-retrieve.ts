import { integer, material } from '../kinds.ts'
import { required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.35 */
export const RngRetrieveRequest = struct(
  'RNG Retrieve',
  { dataLength: required(Tag.DataLength, integer) },
  { missing: 'missing-data' },
)
export type RngRetrieveRequest = ValueOf<typeof RngRetrieveRequest>

export const RngRetrieveResponse = struct('RNG Retrieve', { data: required(Tag.Data, material) })
export type RngRetrieveResponse = ValueOf<typeof RngRetrieveResponse>
