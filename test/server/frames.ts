/** A Request Message of `contentBytes` bytes after its header, that begins with `number`: enough for everything before the decoder. */
export function frame(number: number, contentBytes = 64): Buffer {
  const bytes = Buffer.alloc(8 + contentBytes)
  bytes.writeUInt32BE(0x42007801, 0)
  bytes.writeUInt32BE(contentBytes, 4)
  bytes.writeUInt32BE(number, 8)
  return bytes
}

/** The number that a frame was made with. */
export const numberOf = (bytes: Buffer): number => bytes.readUInt32BE(8)
