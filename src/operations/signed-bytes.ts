import type { SignedBytes } from '../crypto/signature.ts'
import { KryptonError } from '../errors.ts'

/**
 * What a Sign or Signature Verify is about: Data, or from 1.4 on Digested Data. No signature that is served gives its data back, so one of
 * the two is there.
 * @throws KryptonError missing-data, invalid-field
 */
export function signedBytes({
  data,
  digestedData,
}: {
  readonly data?: Uint8Array
  readonly digestedData?: Uint8Array
}): SignedBytes {
  if (data !== undefined && digestedData !== undefined) {
    throw new KryptonError('invalid-field', 'Send Data or Digested Data: both at once may say two things')
  }
  if (data !== undefined) return { bytes: data, isDigest: false }
  if (digestedData !== undefined) return { bytes: digestedData, isDigest: true }
  throw new KryptonError('missing-data', 'Send Data')
}
