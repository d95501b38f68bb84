/**
 * A secret of this run, and the forms in which it could leak. Searched are runs of 12 of its bytes, one at every twelfth byte: a
 * piece of 23 bytes, such as a printer that cuts long buffers leaves, holds one of them whole.
 */
export interface Canary {
  readonly name: string
  readonly secret: Buffer
}

/** One form of one piece of a canary, as bytes to look for. */
export interface Pattern {
  readonly canary: string
  readonly form: string
  readonly bytes: Buffer
}

const windowBytes = 12

export function patternsOf({ name, secret }: Canary): Pattern[] {
  const patterns: Pattern[] = []
  for (let start = 0; start + windowBytes <= secret.length; start += windowBytes) {
    const window = secret.subarray(start, start + windowBytes)
    for (const [form, bytes] of formsOf(window)) patterns.push({ canary: name, form, bytes })
  }
  if (patterns.length === 0) throw new Error(`the canary ${name} is too short to be told from chance`)
  return patterns
}

/**
 * Text with the numbers of printed bytes brought to one form, `1,2,3`: printers set them apart by blanks and line ends, and JSON
 * of a Uint8Array names each by its index.
 */
export function plainNumbers(text: Buffer): Buffer {
  const plain = text
    .toString('latin1')
    .replaceAll(/"\d+":/g, '')
    .replaceAll(/(?<=\d)[\s,]+(?=\d)/g, ',')
  return Buffer.from(plain, 'latin1')
}

/** Every form that something in this process or a library might give bytes. Text forms are searched in UTF-16 too. */
function formsOf(window: Buffer): [string, Buffer][] {
  const numbers = [...window]
  const texts: [string, string][] = [
    ['hex', window.toString('hex')],
    ['HEX', window.toString('hex').toUpperCase()],
    ['inspected Buffer', window.toString('hex').replace(/..(?=.)/g, '$& ')],
    ['numbers', numbers.join(',')],
    ['percent', numbers.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')],
  ]
  for (const phase of [0, 1, 2]) {
    texts.push([`base64, phase ${phase}`, base64At(window, phase)])
    const url = base64At(window, phase).replaceAll('+', '-').replaceAll('/', '_')
    texts.push([`base64url, phase ${phase}`, url])
  }
  const forms: [string, Buffer][] = [
    ['raw', Buffer.from(window)],
    ['raw, two bytes each', Buffer.from(window.toString('latin1'), 'utf16le')],
    ['latin1 as UTF-8', Buffer.from(window.toString('latin1'), 'utf8')],
  ]
  for (const [form, text] of texts) {
    forms.push([form, Buffer.from(text, 'latin1')], [`${form}, UTF-16`, Buffer.from(text, 'utf16le')])
  }
  return forms
}

/** The characters of base64 that depend on nothing but the window, when it begins `phase` bytes into a group of three. */
function base64At(window: Buffer, phase: number): string {
  const text = Buffer.concat([Buffer.alloc(phase), window]).toString('base64')
  return text.slice(Math.ceil((phase * 8) / 6), Math.floor(((phase + window.length) * 8) / 6))
}
