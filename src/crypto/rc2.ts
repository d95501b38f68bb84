import { decryptionFailure } from './cipher-stream.ts'
import { ownBuffer } from './own-buffer.ts'

/**
 * RC2 (RFC 2268) in CBC with PKCS #5 padding, to decrypt alone: older programs put the certificates of a PKCS #12 file under a key of 40 bits of it, and
 * OpenSSL 3 has it no more. Its tables are read by the key, and its key can be guessed: it is for what is public anyway.
 * @throws KryptonError cryptographic-failure: the data was not encrypted so
 */
export function decryptRc2(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  if (iv.byteLength !== blockBytes || data.byteLength === 0 || data.byteLength % blockBytes !== 0) {
    throw decryptionFailure()
  }
  const expanded = expandedKey(key)
  const plain = ownBuffer(data.byteLength)
  let before = iv
  for (let from = 0; from < data.byteLength; from += blockBytes) {
    const block = data.subarray(from, from + blockBytes)
    decryptBlock(expanded, block, plain.subarray(from, from + blockBytes))
    for (let i = 0; i < blockBytes; i++) plain[from + i]! ^= before[i]!
    before = block
  }
  const padding = plain.at(-1)!
  const isPadded = padding >= 1 && padding <= blockBytes && plain.subarray(-padding).every((byte) => byte === padding)
  if (!isPadded) throw decryptionFailure()
  return plain.subarray(0, plain.byteLength - padding)
}

/** 64 words; as many bits count as the key has. */
function expandedKey(key: Uint8Array): Uint16Array {
  const bytes = new Uint8Array(128)
  bytes.set(key)
  for (let i = key.byteLength; i < 128; i++) bytes[i] = table[(bytes[i - 1]! + bytes[i - key.byteLength]!) & 0xff]!
  bytes[128 - key.byteLength] = table[bytes[128 - key.byteLength]!]!
  for (let i = 127 - key.byteLength; i >= 0; i--) bytes[i] = table[bytes[i + 1]! ^ bytes[i + key.byteLength]!]!
  return Uint16Array.from({ length: 64 }, (_, i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 8))
}

function decryptBlock(key: Uint16Array, block: Uint8Array, plain: Buffer): void {
  const words = Uint16Array.from({ length: 4 }, (_, i) => block[2 * i]! | (block[2 * i + 1]! << 8))
  let j = 63
  for (let round = 15; round >= 0; round--) {
    for (let i = 3; i >= 0; i--) {
      const shift = rotations[i]!
      const rotated = ((words[i]! >>> shift) | (words[i]! << (16 - shift))) & 0xffff
      const [one, two, three] = [words[(i + 1) & 3]!, words[(i + 2) & 3]!, words[(i + 3) & 3]!]
      words[i] = rotated - key[j--]! - (three & two) - (~three & one)
    }
    if (round !== 11 && round !== 5) continue
    for (let i = 3; i >= 0; i--) words[i]! -= key[words[(i + 3) & 3]! & 63]!
  }
  for (let i = 0; i < 4; i++) plain.writeUInt16LE(words[i]!, 2 * i)
}

const blockBytes = 8
const rotations = [1, 2, 3, 5] as const

/** PITABLE: a permutation made from the digits of π. */
const table = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb6266fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
)
