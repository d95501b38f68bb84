import type { FrameBuilder } from '../../ttlv/frame-builder.ts'

/** Writes a character in UTF-8. */
export function putCodePoint(out: FrameBuilder, codePoint: number): void {
  if (codePoint < 0x80) return out.put(codePoint)
  if (codePoint < 0x800) {
    out.put(0xc0 | (codePoint >> 6))
  } else {
    if (codePoint < 0x10000) {
      out.put(0xe0 | (codePoint >> 12))
    } else {
      out.put(0xf0 | (codePoint >> 18))
      out.put(0x80 | ((codePoint >> 12) & 0x3f))
    }
    out.put(0x80 | ((codePoint >> 6) & 0x3f))
  }
  out.put(0x80 | (codePoint & 0x3f))
}
