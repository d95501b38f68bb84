import { timingSafeEqual } from 'node:crypto'

/** True if both hold the same bytes. The time it takes depends on the lengths only, which are no secret. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
