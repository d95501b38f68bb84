import { expandKey } from './aes-key-schedule.ts'

/** A key of the server under scan, as the harness knows it. */
export interface KnownKey {
  readonly kind: KeyKind
  readonly name: string
  readonly bytes: Buffer
}

/**
 * `root`: MasterKey, IVK, L2, L3, the seal's key, and what is derived from them. `object`: what a client made or registered, and the key of its
 * record. `planted`: put into the server's memory by the harness, to show that it would be found.
 */
export type KeyKind = 'root' | 'object' | 'planted'

/** One form of one half of a key, as bytes to look for: a half is enough to tell, and a piece that was left over is found too. */
export interface Pattern {
  /** Place of the key in the list that the patterns were made from. */
  readonly key: number
  readonly form: string
  readonly bytes: Buffer
}

/** The forms in which a key may lie in memory: raw, as text of either width, as an AES key schedule, as the padded key of an HMAC. */
export function patternsOf(keys: readonly KnownKey[]): Pattern[] {
  return keys.flatMap(({ bytes }, key) => formsOf(bytes).map(([form, form_]) => ({ key, form, bytes: form_ })))
}

function* halves(bytes: Buffer): Generator<[string, Buffer]> {
  for (let start = 0; start + halfBytes <= bytes.length; start += halfBytes)
    yield [`bytes ${start} to ${start + halfBytes}`, bytes.subarray(start, start + halfBytes)]
}

function formsOf(bytes: Buffer): [string, Buffer][] {
  const forms: [string, Buffer][] = []
  for (const [part, half] of halves(bytes)) {
    forms.push([`raw, ${part}`, half], [`raw, words turned round, ${part}`, turned(half)])
    const hex = half.toString('hex')
    const texts: [string, string][] = [
      ['hex', hex],
      ['HEX', hex.toUpperCase()],
      ...[0, 1, 2].map((phase): [string, string] => [`base64, phase ${phase}`, base64At(half, phase)]),
    ]
    for (const [form, text] of texts)
      forms.push(
        [`${form}, ${part}`, Buffer.from(text, 'latin1')],
        [`${form}, two bytes each, ${part}`, Buffer.from(text, 'utf16le')],
      )
    forms.push([`HMAC inner pad, ${part}`, half.map((byte) => byte ^ 0x36) as Buffer])
    forms.push([`HMAC outer pad, ${part}`, half.map((byte) => byte ^ 0x5c) as Buffer])
  }
  if (bytes.length === 16 || bytes.length === 32) {
    const schedule = expandKey(bytes)
    for (const [place, at] of [
      ['first', bytes.length],
      ['last', schedule.length - halfBytes],
    ] as const) {
      const round = schedule.subarray(at, at + halfBytes)
      forms.push(
        [`AES key schedule, ${place} round`, round],
        [`AES key schedule, ${place} round, words turned round`, turned(round)],
      )
    }
  }
  return forms
}

/** As a machine of little endian keeps words that were read as big-endian ones. */
function turned(bytes: Buffer): Buffer {
  return Buffer.from(bytes).swap32()
}

/** The characters of base64 that depend on nothing but the bytes, when they begin `phase` bytes into a group of three. */
function base64At(bytes: Buffer, phase: number): string {
  const text = Buffer.concat([Buffer.alloc(phase), bytes]).toString('base64')
  return text.slice(Math.ceil((phase * 8) / 6), Math.floor(((phase + bytes.length) * 8) / 6))
}

const halfBytes = 16
