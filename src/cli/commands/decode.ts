import { readFileSync } from 'node:fs'
import { KryptonError } from '../../errors.ts'
import { enumTables } from '../../kmip/enums.ts'
import { tagTable, Tag } from '../../kmip/tags.ts'
import { dump, type Names } from '../../ttlv/dump.ts'
import { examples, type AddCommand } from '../command.ts'
import type { Terminal } from '../terminal.ts'

/** `krypton decode`: any TTLV as a readable tree. Byte strings are shown by their length alone. */
export const addDecodeCommand: AddCommand = (program, terminal) => {
  program
    .command('decode')
    .description('print TTLV, hex or binary, as a readable tree')
    .argument('[input]', 'a file, or the hex itself; - or nothing: standard input')
    .addHelpText(
      'after',
      examples(
        'krypton decode request.bin',
        'krypton decode 42006a02000000040000000100000000',
        'xxd -p request.bin | krypton decode',
      ) + '\nByte strings are shown by their length: what is printed may be kept.\n',
    )
    .action(async (input: string | undefined) => {
      for (const item of items(fromHex(await bytesOf(input, terminal)))) terminal.writeData(dump(item, names))
    })
}

async function bytesOf(input: string | undefined, terminal: Terminal): Promise<Buffer> {
  if (input === undefined || input === '-') return terminal.readInput()
  if (isHex(input)) return Buffer.from(input)
  try {
    return readFileSync(input)
  } catch (cause) {
    throw new KryptonError('usage', `${input} is neither hex nor a file that can be read`, { cause })
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

/** Messages that follow each other, as a capture of a connection has them. */
function* items(bytes: Buffer): Generator<Buffer> {
  if (bytes.length === 0)
    throw new KryptonError('usage', 'there is nothing to decode: give a file, hex or standard input')
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 8)
      throw new KryptonError('frame-invalid', `${bytes.length - at} bytes are left after the last whole item`)
    const end = at + 8 + Math.ceil(bytes.readUInt32BE(at + 4) / 8) * 8
    yield bytes.subarray(at, end)
    at = end
  }
}

const names: Names = {
  tag: (tag) => tagTable.get(tag)?.name,
  value: (tag, value) =>
    enumerations.get(tagTable.get(tag)?.name.replaceAll(/[^A-Za-z0-9]/g, '') ?? '')?.get(value)?.name,
  secrets: new Set([Tag.Password]),
}

const enumerations = new Map<string, ReadonlyMap<number, { readonly name: string }>>(Object.entries(enumTables))
