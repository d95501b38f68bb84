import { randomBytes } from './random.ts'

/**
 * How the last block of ECB and CBC is filled (KMIP 1.4 section 9.1.3.2.15). `zeros` says nothing of how many there are, so they stay when data is
 * decrypted: docs/decisions/0008.
 */
export type BlockPadding = 'none' | 'pkcs5' | 'ansi-x9.23' | 'iso-10126' | 'ssl3' | 'zeros'

/** What stands after so many bytes of data, to the end of a block. */
export function paddingOf(padding: BlockPadding, dataBytes: number, blockBytes: number): Uint8Array {
  const short = blockBytes - (dataBytes % blockBytes)
  switch (padding) {
    case 'none':
      return nothing
    case 'zeros':
      return new Uint8Array(short % blockBytes)
    case 'pkcs5':
      return new Uint8Array(short).fill(short)
    case 'ssl3':
      return new Uint8Array(short).fill(short - 1)
    case 'ansi-x9.23':
      return endingWith(new Uint8Array(short), short)
    default:
      return endingWith(randomBytes(short), short)
  }
}

/**
 * Bytes of data in the last block; undefined when no padding of that kind ends it. It looks at every byte of the block, whatever they are.
 */
export function dataBytesOf(padding: BlockPadding, block: Uint8Array): number | undefined {
  const { byteLength } = block
  if (padding === 'none' || padding === 'zeros') return byteLength
  const count = block[byteLength - 1]! + (padding === 'ssl3' ? 1 : 0)
  let fault = count === 0 || count > byteLength ? 1 : 0
  for (let i = 0; i < byteLength - 1; i++) {
    const isPadding = i >= byteLength - count
    if (padding === 'pkcs5') fault |= isPadding ? block[i]! ^ count : 0
    if (padding === 'ansi-x9.23') fault |= isPadding ? block[i]! : 0
  }
  return fault === 0 ? byteLength - count : undefined
}

function endingWith(bytes: Uint8Array, last: number): Uint8Array {
  bytes[bytes.byteLength - 1] = last
  return bytes
}

const nothing = new Uint8Array(0)
