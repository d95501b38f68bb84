import { KryptonError } from '../errors.ts'
import { placement } from '../limits.ts'
import type { BlockPadding } from './padding.ts'

/** How Encrypt and Decrypt use a key: KMIP's Cryptographic Parameters after defaults were filled in. */
export interface CipherParameters {
  readonly algorithm: 'aes' | '3des' | 'chacha20' | 'chacha20-poly1305'
  readonly mode: CipherMode
  /** Used by ECB and CBC; the other modes never pad. */
  readonly padding: BlockPadding
  /** Length in bytes of the tag of GCM, CCM and ChaCha20-Poly1305; the other modes have none. */
  readonly tagLength: number
}

/** `stream` is ChaCha20 alone, `aead` with Poly1305; `kw` and `kwp` are key wrap without and with padding (SP 800-38F). */
export type CipherMode =
  | 'ecb'
  | 'cbc'
  | 'ctr'
  | 'cfb'
  | 'ofb'
  | 'gcm'
  | 'ccm'
  | 'xts'
  | 'kw'
  | 'kwp'
  | 'stream'
  | 'aead'

/** What a mode takes, all lengths in bytes. */
export interface CipherForm {
  /** Of OpenSSL, for a key of that length. */
  readonly name: string
  /** 1 where data need not come in whole blocks. */
  readonly blockBytes: number
  /** True for the modes that a padding fills to whole blocks. */
  readonly pads: boolean
  /** Of the IV, counter or nonce: 0 and 0 for a mode without. */
  readonly ivBytesMin: number
  readonly ivBytesMax: number
  /** Of an IV that is made here. */
  readonly ivBytesUsual: number
  /** The lengths that a tag may have; none for a mode without. */
  readonly tagBytes: readonly number[]
  /**
   * True for what OpenSSL does in one call alone, and for what nobody may see before all of it was found genuine. Encrypting with GCM or
   * ChaCha20-Poly1305 is neither.
   */
  readonly isWhole: boolean
}

/**
 * The form of `parameters` for a key of so many bytes.
 * @throws KryptonError unsupported-cryptographic-parameters: there is none
 */
export function cipherForm({ algorithm, mode }: CipherParameters, keyBytes: number): CipherForm {
  const { lengths, modes } = algorithms[algorithm]
  const form = modes[mode]
  if (form === undefined) throw unsupported('Use a Block Cipher Mode that the Cryptographic Algorithm has')
  const allowed = mode === 'xts' ? xtsLengths : lengths
  const named = allowed.find(({ bytes }) => bytes === keyBytes)?.name
  if (named === undefined) {
    const bits = allowed.map(({ bytes }) => bytes * 8).join(', ')
    throw unsupported(`Use a key of ${bits} bits for this Cryptographic Algorithm and Block Cipher Mode`)
  }
  return { ...form, name: form.name.replace('*', named) }
}

/** As clients know it. */
function spoken(mode: CipherMode): string {
  return mode === 'stream' ? 'ChaCha20' : mode === 'aead' ? 'ChaCha20-Poly1305' : mode.toUpperCase()
}

/** @throws KryptonError invalid-field: an IV of another length, or one that the form has no use for */
export function checkIvLength(form: CipherForm, mode: CipherMode, iv: Uint8Array | undefined): void {
  const { ivBytesMin: min, ivBytesMax: max } = form
  if (iv === undefined) {
    if (max === 0) return
    throw invalid(`${spoken(mode)} needs the IV that the data was encrypted with: send IV/Counter/Nonce`)
  }
  if (max === 0) throw invalid(`Leave out IV/Counter/Nonce, or use another mode: ${spoken(mode)} has none`)
  if (iv.byteLength >= min && iv.byteLength <= max) return
  const lengths = min === max ? `${min}` : `${min} to ${max}`
  throw invalid(`the IV of ${spoken(mode)} has ${lengths} bytes: send one of that length`)
}

/**
 * Additional data and tags belong to authenticated encryption alone: who sends them elsewhere believes in a protection that is not there.
 * @throws KryptonError invalid-field
 */
export function checkAuthenticated(
  { tagBytes }: CipherForm,
  tag: Uint8Array | undefined,
  associatedData: Uint8Array | undefined,
): void {
  if (tagBytes.length > 0) return
  if (associatedData !== undefined) {
    throw invalid(
      'Leave out Authenticated Encryption Additional Data, or use GCM or CCM: this mode authenticates nothing',
    )
  }
  if (tag !== undefined) throw invalid('Leave out Authenticated Encryption Tag, or use GCM or CCM: this mode has none')
}

/** @throws KryptonError unsupported-cryptographic-parameters: a tag of that length could be guessed, or the mode makes none */
export function checkTagLength({ tagBytes }: CipherForm, tagLength: number): void {
  if (tagBytes.length === 0 || tagBytes.includes(tagLength)) return
  throw unsupported(`Set Tag Length to one of ${tagBytes.join(', ')} bytes: this mode has no other`)
}

/** How many times as long as AES-CBC it takes over the same data: see `placement`. */
export function slownessOf({ algorithm, mode }: CipherParameters): number {
  if (algorithm === '3des') return placement.slowness.tripleDes
  return mode === 'kw' || mode === 'kwp' ? placement.slowness.keyWrap : 1
}

/** The fewest bytes that key wrap makes: OpenSSL takes nothing at all for a wrapped key. */
export function encryptedBytesMin(mode: CipherMode): number {
  return mode === 'kw' ? 24 : mode === 'kwp' ? 16 : 0
}

/** @throws KryptonError invalid-field: data that no padding fills must come in whole blocks, and a mode may ask for more than one */
export function checkDataLength(
  { mode, padding }: CipherParameters,
  { blockBytes, pads, ivBytesMin }: CipherForm,
  dataBytes: number,
  iv: Uint8Array | undefined,
): void {
  if (mode === 'kw' && dataBytes % blockBytes !== 0)
    throw invalid(`Key wrap takes a multiple of ${blockBytes} bytes: send such data, or ask for AES Key Wrap Padding`)
  if ((padding === 'none' || !pads) && dataBytes % blockBytes !== 0) {
    throw invalid(`without padding the data must be a multiple of ${blockBytes} bytes: pad it, or ask for PKCS5`)
  }
  if (mode === 'xts' && dataBytes < 16) throw invalid('XTS takes 16 bytes of data or more')
  if (mode === 'kw' && dataBytes < 16) throw invalid('Key wrap without padding takes 16 bytes or more')
  if (mode === 'kwp' && dataBytes === 0) throw invalid('Key wrap takes one byte or more')
  // SP 800-38C appendix A.1: the nonce leaves 15 - n bytes for the length of the data.
  const lengthBytes = 15 - (iv?.byteLength ?? ivBytesMin)
  if (mode === 'ccm' && dataBytes >= 2 ** (8 * lengthBytes)) {
    throw invalid('Send less data, or a shorter IV/Counter/Nonce: CCM counts the data in what the nonce leaves')
  }
}

const unsupported = (message: string) => new KryptonError('unsupported-cryptographic-parameters', message)
const invalid = (message: string) => new KryptonError('invalid-field', message)

const xtsLengths = [
  { bytes: 32, name: '128' },
  { bytes: 64, name: '256' },
]

type Modes = Readonly<Partial<Record<CipherMode, CipherForm>>>

function block(name: string, blockBytes: number, ivBytes: number): CipherForm {
  return { name, blockBytes, pads: blockBytes > 1, ...exactly(ivBytes), tagBytes: [], isWhole: false }
}

function authenticated(name: string, iv: [number, number], tagBytes: readonly number[], isWhole = false): CipherForm {
  const [ivBytesMin, ivBytesMax] = iv
  return { name, blockBytes: 1, pads: false, ivBytesMin, ivBytesMax, ivBytesUsual: 12, tagBytes, isWhole }
}

function whole(name: string, blockBytes: number, ivBytes: number): CipherForm {
  return { name, blockBytes, pads: false, ...exactly(ivBytes), tagBytes: [], isWhole: true }
}

function exactly(ivBytes: number) {
  return { ivBytesMin: ivBytes, ivBytesMax: ivBytes, ivBytesUsual: ivBytes }
}

/** The longest IV that OpenSSL takes for GCM. */
const gcmIvBytesMax = 128

/** `*` stands for what the length of the key is called. A tag of less than 8 bytes could be guessed; GCM's has 12 at least (SP 800-38D). */
const algorithms: Readonly<
  Record<
    CipherParameters['algorithm'],
    { readonly lengths: readonly { readonly bytes: number; readonly name: string }[]; readonly modes: Modes }
  >
> = {
  aes: {
    lengths: [
      { bytes: 16, name: '128' },
      { bytes: 24, name: '192' },
      { bytes: 32, name: '256' },
    ],
    modes: {
      ecb: block('aes-*-ecb', 16, 0),
      cbc: block('aes-*-cbc', 16, 16),
      ctr: block('aes-*-ctr', 1, 16),
      cfb: block('aes-*-cfb', 1, 16),
      ofb: block('aes-*-ofb', 1, 16),
      gcm: authenticated('aes-*-gcm', [1, gcmIvBytesMax], [12, 13, 14, 15, 16]),
      ccm: authenticated('aes-*-ccm', [7, 13], [8, 10, 12, 14, 16], true),
      xts: whole('aes-*-xts', 1, 16),
      kw: whole('id-aes*-wrap', 8, 0),
      kwp: whole('id-aes*-wrap-pad', 1, 0),
    },
  },
  '3des': {
    lengths: [
      { bytes: 16, name: '' },
      { bytes: 24, name: '3' },
    ],
    modes: {
      ecb: block('des-ede*-ecb', 8, 0),
      cbc: block('des-ede*-cbc', 8, 8),
      cfb: block('des-ede*-cfb', 1, 8),
      ofb: block('des-ede*-ofb', 1, 8),
    },
  },
  // The counter of 4 bytes, lowest first, stands before the nonce of 12 (RFC 8439 section 2.3).
  chacha20: { lengths: [{ bytes: 32, name: '' }], modes: { stream: block('chacha20', 1, 16) } },
  'chacha20-poly1305': {
    lengths: [{ bytes: 32, name: '' }],
    modes: { aead: authenticated('chacha20-poly1305', [12, 12], [16]) },
  },
}
