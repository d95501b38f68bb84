import { placement } from '../limits.ts'

/**
 * An own buffer for a frame, not one of Node's pool: frames may hold keys, and whoever wipes it wipes nothing else. A long one is shared
 * between threads, so that its data can be encrypted on another without a copy.
 */
export function newFrame(size: number): Buffer {
  return size < placement.offLoopBytesMin ? Buffer.allocUnsafeSlow(size) : Buffer.from(new SharedArrayBuffer(size))
}
