import { readFileSync } from 'node:fs'
import { KryptonError } from '../../errors.ts'
import { enumTables } from '../../kmip/enums.ts'
import { tagTable, Tag } from '../../kmip/tags.ts'
import { type Names, show, type ShownItem, textOf } from '../../ttlv/dump.ts'
import { wholePart } from '../../ttlv/whole-part.ts'
import { examples, withOutput, type AddCommand } from '../command.ts'
import { Output, type OutputFlags } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** `krypton decode`: any TTLV as a readable tree, as far as it goes. Byte strings are shown by their length alone. */
export const addDecodeCommand: AddCommand = (program, terminal) => {
  withOutput(
    program
      .command('decode')
      .description('print TTLV, hex or binary, as a readable tree')
      .argument('[input]', 'a file, or the hex itself; - or nothing: standard input'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton decode request.bin',
        'krypton decode 42006a02000000040000000100000000',
        'xxd -p request.bin | krypton decode -o json',
      ) + '\nByte strings are shown by their length: what is printed may be kept.\n',
    )
    .action(async (input: string | undefined, flags: OutputFlags) => {
      const output = await Output.open(terminal, flags)
      const shown: ShownItem[] = []
      try {
        for (const { item, at } of items(fromHex(await bytesOf(input, terminal)))) shown.push(tree(item, at))
      } finally {
        // Before it is said what is wrong with the rest.
        if (output.format !== 'table') output.list(shown, {})
        else for (const item of shown) terminal.writeData(textOf(item))
      }
    })
}

/** The reader speaks to clients; here a person looks at bytes. */
function tree(item: Buffer, at: number): ShownItem {
  try {
    return show(item, names)
  } catch (cause) {
    if (!(cause instanceof KryptonError)) throw cause
    const fault = cause.message.replace(/^Send [^:]*: /, '')
    const place = at === 0 ? '' : ` (bytes are counted from the message that begins at byte ${at})`
    throw new KryptonError('usage', `this is not well-formed TTLV: ${fault}${place}`, { cause })
  }
}

async function bytesOf(input: string | undefined, terminal: Terminal): Promise<Buffer> {
  if (input === undefined || input === '-') return terminal.readInput()
  if (isHex(input)) return Buffer.from(input)
  try {
    return readFileSync(input)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const fault =
      code === 'ENOENT'
        ? 'is not hex, and there is no such file'
        : code === 'EISDIR'
          ? 'is a directory: name a file in it'
          : `cannot be read (${String(code)}): check who owns it`
    throw new KryptonError('usage', `${input.slice(0, shownCharacters)} ${fault}`, { cause })
  }
}

/** Binary TTLV never is all hex digits: its first byte is 0x42 or 0x54, and lengths hold bytes of 0. */
function fromHex(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  return isHex(text) ? Buffer.from(text.replaceAll(/\s|^0x/g, ''), 'hex') : bytes
}

function isHex(text: string): boolean {
  const digits = text.replaceAll(/\s|^0x/g, '')
  return digits.length > 0 && digits.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(digits)
}

/** Messages that follow each other, as a capture of a connection has them; of the last one what is there whole. */
function* items(bytes: Buffer): Generator<{ item: Buffer; at: number }> {
  if (bytes.length === 0)
    throw new KryptonError('usage', 'there is nothing to decode: give a file, hex or standard input')
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 8)
      throw new KryptonError(
        'usage',
        at === 0
          ? `${bytes.length} bytes are no TTLV: an item has 8 at least`
          : `${bytes.length - at} bytes are left after the last whole item`,
      )
    const end = at + 8 + Math.ceil(bytes.readUInt32BE(at + 4) / 8) * 8
    if (end > bytes.length) {
      const part = wholePart(bytes.subarray(at))
      if (part !== undefined) yield { item: part, at }
      throw new KryptonError(
        'usage',
        `the item at byte ${at} announces ${end - at} bytes and only ${bytes.length - at} are there: it was cut off, or is no TTLV`,
      )
    }
    yield { item: bytes.subarray(at, end), at }
    at = end
  }
}

/** A long text of hex with a slip in it is not repeated whole. */
const shownCharacters = 100

const names: Names = {
  tag: (tag) => tagTable.get(tag)?.name,
  value: (tag, value) =>
    enumerations.get(tagTable.get(tag)?.name.replaceAll(/[^A-Za-z0-9]/g, '') ?? '')?.get(value)?.name,
  secrets: new Set([Tag.Password]),
}

const enumerations = new Map<string, ReadonlyMap<number, { readonly name: string }>>(Object.entries(enumTables))
