/** Bytes that are no secret, in hexadecimal: what is printed, kept in a text or compared as one. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
