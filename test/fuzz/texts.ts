import { isKryptonError } from '../../src/errors.ts'
import { frameToJson } from '../../src/kmip/encodings/frame-to-json.ts'
import { frameToXml } from '../../src/kmip/encodings/frame-to-xml.ts'
import { TtlvReader } from '../../src/ttlv/reader.ts'
import type { Random } from './random.ts'
import { Finding, type Target } from './target.ts'

/** A reader of messages in text, and what writes what it reads. */
interface Encoding {
  readonly read: (text: Buffer) => Buffer
  readonly write: (frame: Buffer) => Buffer
}

/**
 * A well-formed frame as JSON and as XML: read again it is the same frame. Then the texts with some of their bytes changed: what is taken all
 * the same is a well-formed frame, and reading and writing it once more changes nothing.
 * @throws whatever is not a KryptonError, and Finding where an oracle is not met
 */
export function executeTexts(target: Target, frame: Buffer, random: Random): void {
  for (const encoding of [
    { read: target.jsonToFrame, write: frameToJson },
    { read: target.xmlToFrame, write: frameToXml },
  ]) {
    const text = typed(() => encoding.write(frame))
    if (text === undefined) continue
    if (!encoding.read(text).equals(frame)) throw new Finding('a text is not the frame that it was made of')
    for (let changes = 0; changes < 4; changes++) executeText(encoding, changed(text, random))
  }
}

function executeText({ read, write }: Encoding, text: Buffer): void {
  const frame = typed(() => read(text))
  if (frame === undefined) return
  try {
    new TtlvReader(frame).head(0)
  } catch (error) {
    // Any six digits may stand for a tag; TTLV has those of KMIP and of its extensions.
    if (isKryptonError(error) && error.message.includes('a tag starts with')) return
    throw new Finding(`a text became a frame that is none: ${String(error)}`)
  }
  const again = typed(() => write(frame))
  if (again !== undefined && !read(again).equals(frame))
    throw new Finding('a text that was taken is not the same after it was written')
}

/** A few bytes of it removed, doubled, moved here from elsewhere, or others. */
function changed(text: Buffer, random: Random): Buffer {
  let bytes = random.once(3) ? withItem(text, random) : text
  if (random.once(16)) bytes = Buffer.concat([declaration, bytes])
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(bytes.length + 1)
    const end = Math.min(bytes.length, at + random.below(random.once(4) ? 200 : 4))
    const from = random.below(bytes.length + 1)
    const moved = bytes.subarray(from, from + random.below(random.once(4) ? 200 : 8))
    const piece = [Buffer.alloc(0), moved, random.pick(pieces), Buffer.from([random.bits() & 0xff])][random.below(4)]!
    bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(random.once(2) ? at : end)])
  }
  return bytes
}

/** One item more in some structure. */
function withItem(text: Buffer, random: Random): Buffer {
  const json = text[0] === 0x7b
  const at = text.indexOf(json ? '[' : '>', random.below(text.length)) + 1
  if (at === 0) return text
  const item = random.pick(json ? jsonItems : xmlItems)
  return Buffer.concat([text.subarray(0, at), item, text.subarray(at)])
}

const declaration = Buffer.from('<?xml version="1.0" encoding="UTF-8"?><!-- c -->')

const jsonItems: readonly Buffer[] = [
  '"BigInteger","value":-7},',
  '"BigInteger","value":9007199254740993},',
  '"Boolean","value":"0x0000000000000001"},',
  '"Boolean","value":1},',
  '"Interval","value":-1},',
  '"DateTime","value":null},',
  '"TextString","value":"\\u00e4\\u20ac\\n"},',
].map((rest) => Buffer.from(`{"tag":"X","type":${rest}`))

const xmlItems: readonly Buffer[] = [
  '<X xmlns="urn:other"/>',
  '<!-- c -->',
  '<X type="Interval" value="-1"></X>',
  '<X type="TextString" value="&#228;&#x20AC;&amp;"/>',
].map((text) => Buffer.from(text))

function typed(act: () => Buffer): Buffer | undefined {
  try {
    return act()
  } catch (error) {
    if (isKryptonError(error)) return undefined
    throw error
  }
}

/** What means something in the one or the other. */
const pieces: readonly Buffer[] = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0041',
  '\\ud83d\\ude00',
  '\\ud800',
  'null',
  'true',
  '-1',
  '1e9',
  '0x',
  '0x0000000000000001',
  '"tag":"X",',
  '"type":"BigInteger",',
  '"value":[]',
  '{"tag":"0x540001","type":"LongInteger","value":-2}',
  'Encrypt|Decrypt',
  '"name":"x",',
  '<',
  '>',
  '/>',
  '</',
  '<!--',
  '-->',
  '<!DOCTYPE a>',
  '<![CDATA[',
  '<?xml version="1.0"?>',
  '&lt;',
  '&#x1F600;',
  '&#0;',
  '&a;',
  "'",
  ' type="Boolean"',
  ' value="true"',
  ' xmlns="urn:oasis:tc:kmip:xmlns"',
  '<TTLV tag="0x540001" type="Interval" value="7"/>',
  '<X>',
  '</X>',
  '\r\n',
  '\u0001',
  '\ufffe',
  '2001-02-30T00:00:00+14:00',
].map((text) => Buffer.from(text))
