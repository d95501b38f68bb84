/** A word of 4 bytes with its bytes in the other order. TTLV is big-endian (KMIP 1.4 section 9.1), the machines that this runs on, x64 and arm64, are not. */
export function swapped(word: number): number {
  return (word << 24) | ((word << 8) & 0xff_0000) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
