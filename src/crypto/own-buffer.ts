/**
 * A buffer for key bytes, zero-filled by nobody, whose memory is its own and stays where it is. V8 keeps arrays of up to 64 bytes inside its heap, until
 * somebody asks for their memory; then it moves them, and leaves what they held behind. So it is asked before they hold anything.
 */
export function ownBuffer(bytes: number): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes)
  void own.buffer
  return own
}

/** A copy in a buffer of that kind; whoever owns `bytes` wipes them. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const own = ownBuffer(bytes.byteLength)
  own.set(bytes)
  return own
}
