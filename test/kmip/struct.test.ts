import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Authentication } from '../../src/kmip/authentication.ts'
import { enumTables } from '../../src/kmip/enums.ts'
import { integer, text, enumeration } from '../../src/kmip/kinds.ts'
import { payloads } from '../../src/kmip/payloads/index.ts'
import { RequestHeader } from '../../src/kmip/request-header.ts'
import {
  MessageReader,
  oneOrMore,
  optional,
  optionalRepeated,
  repeated,
  required,
  struct,
} from '../../src/kmip/struct.ts'
import type { Kind, Struct, StructCodec } from '../../src/kmip/struct.ts'
import { Tag } from '../../src/kmip/tags.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import { supportedVersions } from '../../src/kmip/version.ts'
import { TtlvWriter } from '../../src/ttlv/writer.ts'
import { arbitraryOf } from './arbitrary.ts'
import * as items from './items.ts'

const tag = Tag.RequestPayload

function write(codec: StructCodec, value: unknown, version: KmipVersion): Buffer {
  const writer = new TtlvWriter(codec.size(value, version))
  codec.write(writer, tag, value, version)
  return writer.bytes
}

function read(codec: StructCodec, frame: Uint8Array, version: KmipVersion = 14): unknown {
  const reader = new MessageReader(frame)
  reader.version = version
  return codec.read(reader, 0)
}

function outcome(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return (error as { code?: string }).code
  }
}

/** Every struct there is, from the payloads down. */
const structs = new Set<Struct<unknown>>()
function collect(kind: Kind<unknown>): void {
  if (!('description' in kind) || structs.has(kind as Struct<unknown>)) return
  structs.add(kind as Struct<unknown>)
  for (const field of (kind as Struct<unknown>).description.fields) collect(field.kind)
}
for (const { request, response } of Object.values(payloads)) {
  collect(request)
  collect(response)
}
collect(RequestHeader)
collect(Authentication)

const Example = struct('Example', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  maximumItems: optional(Tag.MaximumItems, integer),
  offsetItems: optional(Tag.OffsetItems, integer, { since: 13 }),
  operations: repeated(Tag.Operation, enumeration('Operation')),
  attributeNames: optionalRepeated(Tag.AttributeName, text),
  objectTypes: oneOrMore(Tag.ObjectType, enumeration('ObjectType')),
})
const id = items.text(Tag.UniqueIdentifier, 'a')
const type = items.enumeration(Tag.ObjectType, 2)

describe.each([...structs].map((one) => [one.name, one] as const))('%s', (_, one) => {
  test('compiled and interpreted, writes and reads the same at every version', () => {
    fc.assert(
      fc.property(arbitraryOf(one), fc.constantFrom(...supportedVersions), (value, version) => {
        const written = outcome(() => write(one.compiled!, value, version))
        expect(outcome(() => write(one.interpreted, value, version))).toEqual(written)
        if (!Buffer.isBuffer(written)) return
        const compiled = outcome(() => read(one.compiled!, written, version))
        expect(outcome(() => read(one.interpreted, written, version))).toEqual(compiled)
        if (version === 14) expect(compiled).toEqual(value)
        // what was read is written as it was
        if (typeof compiled !== 'string') expect(write(one.compiled!, compiled, version)).toEqual(written)
      }),
      { numRuns: 60 },
    )
  })
})

describe.each(['compiled', 'interpreted'] as const)('a struct that is %s', (form) => {
  const codec = Example[form]!
  const readExample = (version: KmipVersion, ...content: items.Item[]) =>
    read(codec, items.structure(tag, ...content), version)

  test('reads fields in order; absent ones are undefined, a repeated one is an empty array', () => {
    expect(readExample(14, id, type)).toStrictEqual({
      uniqueIdentifier: 'a',
      maximumItems: undefined,
      offsetItems: undefined,
      operations: [],
      attributeNames: undefined,
      objectTypes: [2],
    })
  })

  test('reads fields in any order, and repeated ones apart from each other', () => {
    const operation = (value: number) => items.enumeration(Tag.Operation, value)
    expect(
      readExample(14, type, operation(1), id, operation(2), items.integer(Tag.MaximumItems, 5), operation(3), type),
    ).toMatchObject({
      uniqueIdentifier: 'a',
      maximumItems: 5,
      operations: [1, 2, 3],
      objectTypes: [2, 2],
    })
  })

  test('refuses a field that is there twice as Invalid Message', () => {
    expect(() => readExample(14, id, id, type)).toThrow(
      expect.objectContaining({ code: 'invalid-message', message: expect.stringContaining('Unique Identifier once') }),
    )
    expect(() =>
      readExample(14, type, id, items.integer(Tag.MaximumItems, 1), items.integer(Tag.MaximumItems, 1)),
    ).toThrow(expect.objectContaining({ code: 'invalid-message' }))
  })

  test('refuses an unknown field of the same version as Invalid Field, and ignores it from a later version', () => {
    const frame = items.structure(tag, id, items.text(Tag.Username, 'x'), type)
    expect(() => read(codec, frame)).toThrow(
      expect.objectContaining({ code: 'invalid-field', message: expect.stringContaining('Username') }),
    )
    expect(() => read(codec, items.structure(tag, id, items.text(0x540001, 'x'), type))).toThrow(
      expect.objectContaining({ code: 'invalid-field' }),
    )
    const reader = new MessageReader(frame)
    reader.ignoreUnknown = true
    expect(codec.read(reader, 0)).toMatchObject({ uniqueIdentifier: 'a' })
  })

  test('refuses a field that is newer than the request as an unknown one, and says since when it is known', () => {
    const offset = items.integer(Tag.OffsetItems, 1)
    expect(readExample(13, id, offset, type)).toMatchObject({ offsetItems: 1 })
    expect(() => readExample(12, id, offset, type)).toThrow(
      expect.objectContaining({ code: 'invalid-field', message: expect.stringContaining('KMIP 1.3') }),
    )
  })

  test('refuses another type of a field as Invalid Message', () => {
    expect(() => readExample(14, items.bytes(Tag.UniqueIdentifier, Buffer.from('a')), type)).toThrow(
      expect.objectContaining({
        code: 'invalid-message',
        message: expect.stringContaining('as Text String, not as Byte String'),
      }),
    )
  })

  test('refuses a required field that is missing, unless what is read is a filter', () => {
    expect(() => readExample(14, type)).toThrow(
      expect.objectContaining({ code: 'invalid-message', message: expect.stringContaining('Unique Identifier') }),
    )
    expect(() => readExample(14, id)).toThrow(
      expect.objectContaining({ code: 'invalid-message', message: expect.stringContaining('Object Type') }),
    )
    expect(() => readExample(14)).toThrow(expect.objectContaining({ code: 'invalid-message' }))
    const reader = new MessageReader(items.structure(tag))
    reader.partial = true
    expect(codec.read(reader, 0)).toMatchObject({ uniqueIdentifier: undefined, objectTypes: undefined })
  })

  test('does not write what the version does not know: fields, and values of enumerations', () => {
    const value = { uniqueIdentifier: 'a', offsetItems: 1, operations: [1, 0x1f, 2], objectTypes: [2, 9] }
    expect(write(codec, value, 14)).toEqual(
      items.structure(
        tag,
        id,
        items.integer(Tag.OffsetItems, 1),
        ...[1, 0x1f, 2].map((one) => items.enumeration(Tag.Operation, one)),
        type,
        items.enumeration(Tag.ObjectType, 9),
      ),
    )
    expect(write(codec, value, 11)).toEqual(
      items.structure(tag, id, ...[1, 2].map((one) => items.enumeration(Tag.Operation, one)), type),
    )
  })
})

test('refuses to write a required value that is newer than the client', () => {
  const One = struct('One', { objectType: required(Tag.ObjectType, enumeration('ObjectType')) })
  for (const codec of [One.compiled!, One.interpreted]) {
    expect(() => codec.size({ objectType: 9 }, 11)).toThrow(expect.objectContaining({ code: 'feature-not-supported' }))
    expect(codec.size({ objectType: 9 }, 12)).toBe(24)
  }
})

test('calls each request by its own operation, as the client does that is told what is wrong with it', () => {
  for (const [operation, { request }] of Object.entries(payloads))
    expect(request.description.name).toBe(enumTables.Operation.get(Number(operation))?.name)
})

test('takes no field name that could be code', () => {
  expect(() => struct('Bad', { 'a;b': required(Tag.UniqueIdentifier, text) })).toThrow('Bad.a;b is no field name')
})

test('works where code generation is forbidden', () => {
  const script = `
    import { RequestHeader } from './src/kmip/request-header.ts'
    import { decodeRequest, encodeRequest } from './src/kmip/request-message.ts'
    const message = { requestHeader: { protocolVersion: { protocolVersionMajor: 1, protocolVersionMinor: 2 }, batchCount: 1 }, batchItems: [{ operation: 10, requestPayload: { uniqueIdentifier: 'a' } }] }
    console.log(RequestHeader.compiled, decodeRequest(encodeRequest(message)).batchItems[0].requestPayload.uniqueIdentifier)`
  const output = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    {
      cwd: new URL('../../', import.meta.url),
      encoding: 'utf8',
    },
  )
  expect(output).toBe('undefined a\n')
})
