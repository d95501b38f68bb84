import { enumTables, ObjectType, Operation } from '../../src/kmip/enums.ts'
import type { ResultReason } from '../../src/kmip/enums.ts'
import { payloads } from '../../src/kmip/payloads/index.ts'
import type { ServedOperation } from '../../src/kmip/payloads/index.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { limits } from '../../src/limits.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import * as items from '../kmip/items.ts'
import type { Item } from '../kmip/items.ts'

/** What is sent, the one Result Reason that it is answered with, and whether the connection goes on. */
export interface BadInput {
  readonly what: string
  readonly bytes: Buffer
  /** Absent: nothing is answered, since the bytes are no KMIP at all. */
  readonly reason?: keyof typeof ResultReason
  /** Bytes whose structure is broken end the connection; what is wrong with their meaning does not. */
  readonly closes?: boolean
}

const { text, integer, enumeration, structure, message, request, batchItem } = items
const uid = (value: string) => text(Tag.UniqueIdentifier, value)

/** An identifier of no object. */
const nobody = '00000000-0000-4000-8000-000000000000'

/** Messages with every type of item but Big Integer: what is broken in the tests of structure. */
const wholeMessages: Readonly<Record<string, Buffer>> = {
  'Get of 1.0': request(0, Operation.Get, [uid(nobody)]),
  'Query of 1.4': request(4, Operation.Query, [enumeration(Tag.QueryFunction, 1), enumeration(Tag.QueryFunction, 2)]),
  'Create of 1.2': request(2, Operation.Create, [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.TemplateAttribute,
      items.attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, 3)),
      items.attribute('Cryptographic Length', integer(Tag.AttributeValue, 256)),
      items.attribute('Activation Date', items.dateTime(Tag.AttributeValue, 1n)),
    ),
  ]),
  'a batch of 1.3 with a header of many fields': message(
    3,
    [batchItem(Operation.Get, [uid(nobody)], 'first'), batchItem(Operation.Encrypt, encryptFields(), 'second')],
    [
      integer(Tag.MaximumResponseSize, 65_536),
      items.boolean(Tag.AsynchronousIndicator, false),
      enumeration(Tag.BatchErrorContinuationOption, 1),
      items.boolean(Tag.BatchOrderOption, true),
      items.dateTime(Tag.TimeStamp, 1_790_000_000n),
    ],
  ),
  'Obtain Lease of 1.1': request(1, Operation.ObtainLease, [uid(nobody)]),
  'Check of 1.4': request(4, Operation.Check, [
    uid(nobody),
    items.longInteger(Tag.UsageLimitsCount, 5n),
    integer(Tag.CryptographicUsageMask, 4),
    items.interval(Tag.LeaseTime, 60),
  ]),
}

function encryptFields(): Item[] {
  return [uid(nobody), items.bytes(Tag.Data, Buffer.alloc(5, 1)), items.bytes(Tag.IVCounterNonce, Buffer.alloc(12, 2))]
}

/** An item of a message, found by its bytes. */
interface Node {
  readonly at: number
  readonly type: number
  readonly length: number
  readonly name: string
}

function nodesOf(frame: Buffer): Node[] {
  const nodes: Node[] = []
  for (let at = 0; at < frame.length;) {
    const type = frame[at + 3]!
    const length = frame.readUInt32BE(at + 4)
    nodes.push({ at, type, length, name: `tag ${frame.readUIntBE(at, 3).toString(16)} at ${at}` })
    at += type === ItemType.Structure ? 8 : 8 + ((length + 7) & ~7)
  }
  return nodes
}

const isText = (type: number) => type === ItemType.TextString || type === ItemType.ByteString

function changed(frame: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(frame)
  change(copy)
  return copy
}

const broken = (what: string, bytes: Buffer): BadInput => ({ what, bytes, reason: 'InvalidMessage', closes: true })

/** The message cut off after `length` bytes, with an outer length that says so. */
function cutOff(frame: Buffer, length: number): Buffer {
  return changed(frame.subarray(0, length), (copy) => copy.writeUInt32BE(length - 8, 4))
}

function* eachMessage(): Generator<[string, Buffer, Node[]]> {
  for (const [name, frame] of Object.entries(wholeMessages)) yield [name, frame, nodesOf(frame)]
}

/** KMIP 1.4 section 9.1: what is wrong with the bytes, whatever they mean. */
export function* brokenStructures(): Generator<BadInput> {
  for (const [name, frame, nodes] of eachMessage()) {
    const headerEnd = 16 + nodes[1]!.length
    for (let length = 8; length < frame.length; length += 8) {
      const what = `${name}, cut off after ${length} bytes`
      const bytes = cutOff(frame, length)
      // Between two whole items of the message itself nothing is broken: they are too few.
      const isWhole = length === 8 || length === headerEnd || isBatchItemStart(nodes, length)
      yield isWhole ? { what, bytes, reason: 'InvalidMessage' } : broken(what, bytes)
    }
    for (const { at, type, length, name: node } of nodes.slice(1)) {
      for (const wrongLength of wrongLengths(type, length)) {
        const bytes = changed(frame, (copy) => copy.writeUInt32BE(wrongLength, at + 4))
        yield broken(`${name}, a length of ${wrongLength} in ${node}`, bytes)
      }
      for (const wrong of [0x00, 0x0b, 0x10, 0x7f, 0xff]) {
        yield broken(
          `${name}, a type of ${wrong} in ${node}`,
          changed(frame, (copy) => (copy[at + 3] = wrong)),
        )
      }
      yield broken(
        `${name}, a tag of no namespace in ${node}`,
        changed(frame, (copy) => (copy[at] = 0x43)),
      )
      const isPadded = type !== ItemType.Structure && (length & 7) !== 0
      if (isPadded) {
        const lastByte = at + 7 + ((length + 7) & ~7)
        yield broken(
          `${name}, padding of ones in ${node}`,
          changed(frame, (copy) => (copy[lastByte] = 1)),
        )
      }
      if (type === ItemType.Boolean) {
        yield broken(
          `${name}, a Boolean of 2 in ${node}`,
          changed(frame, (copy) => (copy[at + 15] = 2)),
        )
        yield broken(
          `${name}, a Boolean of 2^56 in ${node}`,
          changed(frame, (copy) => (copy[at + 8] = 1)),
        )
      }
      if (type === ItemType.TextString) {
        yield broken(
          `${name}, no UTF-8 in ${node}`,
          changed(frame, (copy) => (copy[at + 8] = 0xff)),
        )
        yield broken(
          `${name}, half a character in ${node}`,
          changed(frame, (copy) => (copy[at + 7 + length] = 0xc3)),
        )
      }
    }
  }
  for (const depth of [33, 100, 8_000]) {
    yield broken(`structures ${depth} deep`, request(2, Operation.Get, [nested(depth - 3)]))
  }
  yield broken(
    'more items than a message may have',
    request(
      2,
      Operation.Get,
      Array.from({ length: limits.itemsMax }, () => integer(Tag.Offset, 1)),
    ),
  )
}

function isBatchItemStart(nodes: readonly Node[], at: number): boolean {
  return nodes.some((node) => node.at === at && node.name.startsWith(`tag ${Tag.BatchItem.toString(16)}`))
}

function wrongLengths(type: number, length: number): number[] {
  const far = [0x7fff_fff8, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
  if (type === ItemType.Structure) return [1, length - 8, length - 4, length + 4, ...far]
  if (isText(type)) return far
  return [0, length - 1, length + 1, length + 8, ...far]
}

function nested(depth: number): Item {
  let item = integer(Tag.Offset, 1)
  for (let i = 0; i < depth; i++) item = structure(Tag.TemplateAttribute, item)
  return item
}

/** The first 8 bytes decide whether there is a message at all. */
export function* brokenFrames(): Generator<BadInput> {
  const frame = wholeMessages['Get of 1.0']!
  const starts = [
    'GET / HTTP/1.1\r\n\r\n',
    'SSH-2.0-client\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001',
    '\n\n\n\n\n\n\n\n',
  ]
  for (const start of starts) yield { what: JSON.stringify(start), bytes: Buffer.from(start, 'latin1'), closes: true }
  yield { what: 'byte 0 of a message', bytes: changed(frame, (copy) => (copy[0]! ^= 0x01)), closes: true }
  for (const at of [1, 2, 3]) {
    yield broken(
      `byte ${at} of a message`,
      changed(frame, (copy) => (copy[at]! ^= 0x01)),
    )
  }
  for (const length of [1, 4, 7, frame.length - 9, limits.frameBytesMaxKnown, 0x7fff_fff8, 0x8000_0000, 0xffff_fff8]) {
    yield broken(
      `an outer length of ${length}`,
      changed(frame, (copy) => copy.writeUInt32BE(length, 4)),
    )
  }
}

const wrong = (what: string, reason: keyof typeof ResultReason, bytes: Buffer): BadInput => ({ what, reason, bytes })

/** KMIP 1.4 sections 6, 7 and 11.1: headers and Batch Items that are whole and mean nothing. */
export function* wrongMessages(): Generator<BadInput> {
  const get = [batchItem(Operation.Get, [uid(nobody)])]
  const withHeader = (...fields: Item[]) =>
    structure(Tag.RequestMessage, structure(Tag.RequestHeader, ...fields), ...get)
  const count = integer(Tag.BatchCount, 1)
  for (const [major, minor] of [
    [0, 0],
    [2, 0],
    [2, 1],
    [3, 0],
    [-1, 0],
    [1, -1],
    [9, 9],
    [0x7fff_ffff, 0],
  ] as const) {
    yield wrong(`KMIP ${major}.${minor}`, 'InvalidMessage', withHeader(items.version(minor, major), count))
  }
  yield wrong('no Protocol Version', 'InvalidMessage', withHeader(count))
  yield wrong('no Batch Count', 'InvalidMessage', withHeader(items.version(2)))
  yield wrong('an empty header', 'InvalidMessage', withHeader())
  for (const batchCount of [-1, 0, 2, 65, 99_999]) {
    const bytes = withHeader(items.version(2), integer(Tag.BatchCount, batchCount))
    yield wrong(`a Batch Count of ${batchCount} for one Batch Item`, 'InvalidMessage', bytes)
  }
  for (const many of [65, 100, 1_000]) {
    const batch = Array.from({ length: many }, (_, i) => batchItem(Operation.Get, [uid(nobody)], String(i)))
    yield wrong(`${many} Batch Items`, 'InvalidMessage', message(2, batch))
  }
  yield wrong('no Batch Item', 'InvalidMessage', message(2, []))
  yield wrong(
    'Batch Items without identifiers',
    'InvalidMessage',
    message(2, [...get, batchItem(Operation.Get, [uid(nobody)])]),
  )
  const fields: Readonly<Record<string, Item>> = {
    'Maximum Response Size': integer(Tag.MaximumResponseSize, 4_096),
    'Asynchronous Indicator': items.boolean(Tag.AsynchronousIndicator, false),
    'Batch Error Continuation Option': enumeration(Tag.BatchErrorContinuationOption, 1),
    'Batch Order Option': items.boolean(Tag.BatchOrderOption, true),
    'Time Stamp': items.dateTime(Tag.TimeStamp, 1n),
    'Protocol Version': items.version(2),
    'Batch Count': count,
  }
  for (const [name, field] of Object.entries(fields)) {
    const once = name === 'Protocol Version' || name === 'Batch Count' ? [field] : [field, field]
    yield wrong(`${name} twice`, 'InvalidMessage', message(2, get, once))
    const asText = text(field.readUIntBE(0, 3), '12345678')
    if (name !== 'Protocol Version' && name !== 'Batch Count') {
      yield wrong(`${name} as Text String`, 'InvalidMessage', message(2, get, [asText]))
    }
  }
  for (const [name, since, field] of [
    ['Client Correlation Value', 4, text(Tag.ClientCorrelationValue, 'mine')],
    ['Server Correlation Value', 4, text(Tag.ServerCorrelationValue, 'yours')],
    ['Attestation Capable Indicator', 2, items.boolean(Tag.AttestationCapableIndicator, true)],
    ['Attestation Type', 2, enumeration(Tag.AttestationType, 1)],
  ] as const) {
    for (let minor = 0; minor < since; minor++) {
      yield wrong(`${name} under 1.${minor}`, 'InvalidField', message(minor, get, [field]))
    }
  }
  for (const minor of [0, 1, 2, 3, 4]) {
    yield wrong(`an unknown header field under 1.${minor}`, 'InvalidField', message(minor, get, [integer(0x4202fe, 1)]))
    yield wrong(`a vendor's header field under 1.${minor}`, 'InvalidField', message(minor, get, [integer(0x540001, 1)]))
    for (const option of [0, 4, 0x7fff_ffff, 0x8000_0001]) {
      const bytes = message(minor, get, [enumeration(Tag.BatchErrorContinuationOption, option)])
      yield wrong(`a Batch Error Continuation Option of ${option} under 1.${minor}`, 'InvalidField', bytes)
    }
    yield wrong(
      `a critical Message Extension under 1.${minor}`,
      'FeatureNotSupported',
      message(minor, [
        structure(
          Tag.BatchItem,
          enumeration(Tag.Operation, Operation.Query),
          structure(Tag.RequestPayload, enumeration(Tag.QueryFunction, 1)),
          structure(
            Tag.MessageExtension,
            text(Tag.VendorIdentification, 'vendor'),
            items.boolean(Tag.CriticalityIndicator, true),
            structure(Tag.VendorExtension),
          ),
        ),
      ]),
    )
    const device = structure(Tag.Credential, enumeration(Tag.CredentialType, 9), structure(Tag.CredentialValue))
    yield wrong(
      `a Credential of no type under 1.${minor}`,
      'InvalidField',
      message(minor, get, [structure(Tag.Authentication, device)]),
    )
    yield wrong(
      `an empty Authentication under 1.${minor}`,
      'InvalidMessage',
      message(minor, get, [structure(Tag.Authentication)]),
    )
  }
}

/** Every operation: those that are not served, those that a version does not have, and payloads that are not theirs. */
export function* wrongOperations(): Generator<BadInput> {
  const served = Object.keys(payloads).map(Number)
  const unserved = Object.values(Operation).filter((operation) => !served.includes(operation))
  for (const minor of [0, 1, 2, 3, 4]) {
    for (const operation of [0, ...unserved, 0x77, 0x7fff_ffff, 0x8000_0001, 0xffff_ffff]) {
      yield wrong(
        `operation ${operation} under 1.${minor}`,
        'OperationNotSupported',
        request(minor, operation, [uid(nobody)]),
      )
    }
    for (const operation of served) {
      const { name, since } = enumTables.Operation.get(operation)!
      if (since > 10 + minor) {
        yield wrong(`${name} under 1.${minor}`, 'OperationNotSupported', request(minor, operation, []))
        continue
      }
      const head = enumeration(Tag.Operation, operation)
      const of = (...fields: Item[]) => message(minor, [structure(Tag.BatchItem, head, ...fields)])
      yield wrong(`${name} of 1.${minor} without payload`, 'InvalidMessage', of())
      yield wrong(`${name} of 1.${minor}, payload as text`, 'InvalidMessage', of(text(Tag.RequestPayload, 'x')))
      yield wrong(
        `${name} of 1.${minor}, two payloads`,
        'InvalidMessage',
        of(structure(Tag.RequestPayload), structure(Tag.RequestPayload)),
      )
      yield wrong(
        `${name} of 1.${minor}, an unknown field in the payload`,
        'InvalidField',
        request(minor, operation, [integer(0x4202fe, 1)]),
      )
      yield wrong(
        `${name} of 1.${minor}, an unknown field in the Batch Item`,
        'InvalidField',
        of(structure(Tag.RequestPayload), text(Tag.Username, 'x')),
      )
      const reason = withoutFields[operation as ServedOperation]
      if (reason !== undefined) {
        yield wrong(`${name} of 1.${minor} with an empty payload`, reason, request(minor, operation, []))
      }
    }
  }
}

/** What an operation is refused for that is sent nothing, when no item before it has set the ID Placeholder. undefined: it is not refused. */
const withoutFields = {
  [Operation.DiscoverVersions]: undefined,
  [Operation.Query]: undefined,
  [Operation.Locate]: undefined,
  [Operation.Create]: 'MissingData',
  [Operation.CreateKeyPair]: 'InvalidMessage',
  [Operation.CreateSplitKey]: 'MissingData',
  [Operation.JoinSplitKey]: 'MissingData',
  [Operation.DeriveKey]: 'InvalidMessage',
  [Operation.ReKey]: 'ItemNotFound',
  [Operation.ReKeyKeyPair]: 'ItemNotFound',
  [Operation.GetUsageAllocation]: 'InvalidMessage',
  [Operation.Certify]: 'MissingData',
  [Operation.ReCertify]: 'ItemNotFound',
  [Operation.Validate]: 'InvalidMessage',
  [Operation.Register]: 'MissingData',
  [Operation.Get]: 'ItemNotFound',
  [Operation.GetAttributes]: 'ItemNotFound',
  [Operation.GetAttributeList]: 'ItemNotFound',
  [Operation.AddAttribute]: 'MissingData',
  [Operation.ModifyAttribute]: 'MissingData',
  [Operation.DeleteAttribute]: 'MissingData',
  [Operation.Activate]: 'ItemNotFound',
  [Operation.Revoke]: 'MissingData',
  [Operation.Destroy]: 'ItemNotFound',
  [Operation.Archive]: 'ItemNotFound',
  [Operation.Recover]: 'ItemNotFound',
  [Operation.Poll]: 'MissingData',
  [Operation.Cancel]: 'MissingData',
  [Operation.Check]: 'ItemNotFound',
  [Operation.Encrypt]: 'MissingData',
  [Operation.Decrypt]: 'MissingData',
  [Operation.Sign]: 'MissingData',
  [Operation.SignatureVerify]: 'MissingData',
  [Operation.ObtainLease]: 'ItemNotFound',
  [Operation.MAC]: 'MissingData',
  [Operation.MACVerify]: 'MissingData',
  [Operation.RNGRetrieve]: 'MissingData',
  [Operation.RNGSeed]: 'MissingData',
  [Operation.Hash]: 'InvalidMessage',
  [Operation.Import]: 'MissingData',
  [Operation.Export]: 'ItemNotFound',
} satisfies { readonly [O in ServedOperation]: keyof typeof ResultReason | undefined }

/** Values of fields that no object and no algorithm has. */
export function* wrongValues(): Generator<BadInput> {
  const identifiers = [
    '',
    ' ',
    "' OR 1=1 --",
    '"; DROP TABLE objects; --',
    '../../../etc/passwd',
    '..\\..\\seal.key',
    'a\r\nb',
    `${nobody}\0`,
    `\u{feff}${nobody}`,
    `\u202e${nobody}`,
    nobody.toUpperCase(),
    `${nobody} `,
    '%00',
    '${jndi:ldap://x}',
    '{{7*7}}',
    'ｋｅｙ',
    'x'.repeat(limits.textBytesMax),
  ]
  for (const identifier of identifiers) {
    const what = JSON.stringify(identifier.slice(0, 40))
    for (const operation of [Operation.Get, Operation.Activate, Operation.Destroy, Operation.GetAttributeList]) {
      yield wrong(
        `${what} as identifier of operation ${operation}`,
        'ItemNotFound',
        request(2, operation, [uid(identifier)]),
      )
    }
  }
  for (const length of [limits.textBytesMax + 1, 1024 * 1024]) {
    yield wrong(
      `an identifier of ${length} bytes`,
      'InvalidField',
      request(2, Operation.Get, [uid('x'.repeat(length))]),
    )
  }
  const create = (objectType: number, ...attributes: Item[]) =>
    request(2, Operation.Create, [
      enumeration(Tag.ObjectType, objectType),
      structure(Tag.TemplateAttribute, ...attributes),
    ])
  const algorithm = (value: number) =>
    items.attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, value))
  const length = (value: number) => items.attribute('Cryptographic Length', integer(Tag.AttributeValue, value))
  const mask = (value: number) => items.attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, value))
  const aes = [algorithm(3), length(256), mask(12)]
  for (const type of [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 0x7fff_ffff, 0x8000_0001]) {
    yield wrong(`Create of Object Type ${type}`, 'InvalidField', create(type, ...aes))
  }
  for (const bits of [-1, 0, 1, 8, 64, 127, 129, 255, 257, 512, 1_024, 0x7fff_ffff, -0x8000_0000]) {
    yield wrong(`AES of ${bits} bits`, 'InvalidField', create(2, algorithm(3), length(bits), mask(12)))
  }
  for (const number of [0, 0x77, 0x7fff_ffff, 0x8000_0001, 0xffff_ffff]) {
    yield wrong(`algorithm ${number}`, 'InvalidField', create(2, algorithm(number), length(256), mask(12)))
  }
  for (const [what, value] of [
    ['least', -(2n ** 63n)],
    ['before 2^53', -(2n ** 53n) - 1n],
    ['after 2^53', 2n ** 53n + 1n],
    ['next to the greatest', 2n ** 63n - 2n],
  ] as const) {
    const date = items.attribute('Activation Date', items.dateTime(Tag.AttributeValue, value))
    yield wrong(`an Activation Date ${what}`, 'InvalidField', create(2, ...aes, date))
  }
  const wrongTypes: Readonly<Record<string, Item>> = {
    'Cryptographic Length': text(Tag.AttributeValue, '256'),
    'Cryptographic Algorithm': integer(Tag.AttributeValue, 3),
    'Cryptographic Usage Mask': enumeration(Tag.AttributeValue, 12),
    'Activation Date': items.longInteger(Tag.AttributeValue, 1n),
    'Object Group': items.bytes(Tag.AttributeValue, Buffer.from('group')),
    Name: text(Tag.AttributeValue, 'name'),
  }
  for (const [name, value] of Object.entries(wrongTypes)) {
    yield wrong(`${name} of another type`, 'InvalidField', create(2, ...aes.slice(1), items.attribute(name, value)))
  }
  for (const name of ['', 'no such attribute', 'x', 'X-', 'name', 'Name\0', 'State ', '\u{feff}Name', "x'; --"]) {
    const bytes = create(2, ...aes, items.attribute(name, text(Tag.AttributeValue, 'v')))
    yield wrong(`an attribute ${JSON.stringify(name)}`, 'InvalidField', bytes)
    yield wrong(
      `Locate by an attribute ${JSON.stringify(name)}`,
      'InvalidField',
      request(2, Operation.Locate, [items.attribute(name, text(Tag.AttributeValue, 'v'))]),
    )
  }
}
