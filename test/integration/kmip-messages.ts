import { CryptographicAlgorithm, ObjectType, Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { boolean, bytes, enumeration, find, integer, outline, structure, text, textOf } from './ttlv-tree.ts'
import type { Item } from './ttlv-tree.ts'

/** A version as its minor number: 2 is KMIP 1.2. */
export type Minor = 0 | 1 | 2 | 3 | 4

/** A request of one batch item with no field that is not needed. */
export function request(minor: Minor, operation: number, ...payload: readonly Item[]): Item {
  return structure(
    Tag.RequestMessage,
    structure(
      Tag.RequestHeader,
      structure(Tag.ProtocolVersion, integer(Tag.ProtocolVersionMajor, 1), integer(Tag.ProtocolVersionMinor, minor)),
      integer(Tag.BatchCount, 1),
    ),
    structure(Tag.BatchItem, enumeration(Tag.Operation, operation), structure(Tag.RequestPayload, ...payload)),
  )
}

export function attribute(name: string, value: (tag: number) => Item): Item {
  return structure(Tag.Attribute, text(Tag.AttributeName, name), value(Tag.AttributeValue))
}

export function nameAttribute(name: string): Item {
  return attribute('Name', (tag) => structure(tag, text(Tag.NameValue, name), enumeration(Tag.NameType, 1)))
}

/** AES-256 for Encrypt and Decrypt. */
export function createKey(name?: string): Item {
  const named = name === undefined ? [] : [nameAttribute(name)]
  return request(
    2,
    Operation.Create,
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.TemplateAttribute,
      attribute('Cryptographic Algorithm', (tag) => enumeration(tag, CryptographicAlgorithm.AES)),
      attribute('Cryptographic Length', (tag) => integer(tag, 256)),
      attribute('Cryptographic Usage Mask', (tag) => integer(tag, 12)),
      ...named,
    ),
  )
}

/** Registers AES-256 material that the test knows. */
export function registerKey(material: Uint8Array, ...attributes: readonly Item[]): Item {
  return request(
    2,
    Operation.Register,
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.TemplateAttribute,
      attribute('Cryptographic Usage Mask', (tag) => integer(tag, 12)),
      ...attributes,
    ),
    structure(
      Tag.SymmetricKey,
      keyBlock(1, material, [
        enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
        integer(Tag.CryptographicLength, material.length * 8),
      ]),
    ),
  )
}

/** Registers Secret Data of type Seed, Opaque, as MongoDB's library does. */
export function registerSecret(material: Uint8Array): Item {
  return request(
    0,
    Operation.Register,
    enumeration(Tag.ObjectType, ObjectType.SecretData),
    structure(
      Tag.TemplateAttribute,
      attribute('Cryptographic Usage Mask', (tag) => integer(tag, 0)),
    ),
    structure(Tag.SecretData, enumeration(Tag.SecretDataType, 2), keyBlock(2, material, [])),
  )
}

function keyBlock(format: number, material: Uint8Array, algorithm: readonly Item[]): Item {
  return structure(
    Tag.KeyBlock,
    enumeration(Tag.KeyFormatType, format),
    structure(Tag.KeyValue, bytes(Tag.KeyMaterial, material)),
    ...algorithm,
  )
}

/** Get, Activate, Destroy: the identifier and nothing else. */
export function about(operation: number, identifier: string, minor: Minor = 2): Item {
  return request(minor, operation, text(Tag.UniqueIdentifier, identifier))
}

export function revokeKey(identifier: string, reason: number = RevocationReasonCode.CessationOfOperation): Item {
  const why = structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, reason))
  return request(2, Operation.Revoke, text(Tag.UniqueIdentifier, identifier), why)
}

export function locateByName(name: string): Item {
  return request(2, Operation.Locate, nameAttribute(name))
}

/** AES-CBC with PKCS5 and an IV that the server chooses. */
export function encryptData(identifier: string, data: Uint8Array): Item {
  return request(
    2,
    Operation.Encrypt,
    text(Tag.UniqueIdentifier, identifier),
    structure(
      Tag.CryptographicParameters,
      enumeration(Tag.BlockCipherMode, 1),
      enumeration(Tag.PaddingMethod, 3),
      enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
      boolean(Tag.RandomIV, true),
    ),
    bytes(Tag.Data, data),
  )
}

/** The other way of `encryptData`. */
export function decryptData(identifier: string, data: Buffer, iv: Buffer): Item {
  return request(
    2,
    Operation.Decrypt,
    text(Tag.UniqueIdentifier, identifier),
    structure(
      Tag.CryptographicParameters,
      enumeration(Tag.BlockCipherMode, 1),
      enumeration(Tag.PaddingMethod, 3),
      enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
    ),
    bytes(Tag.Data, data),
    bytes(Tag.IVCounterNonce, iv),
  )
}

/** What an answer of one batch item says. */
export interface Result {
  /** 0 is success. */
  readonly status: number
  readonly reason?: number
  readonly message?: string
}

export function resultOf(response: Item): Result {
  const status = find(response, Tag.ResultStatus)?.value.readUInt32BE()
  if (status === undefined) throw new Error(`no Result Status in\n${outline(response).join('\n')}`)
  const reason = find(response, Tag.ResultReason)?.value.readUInt32BE()
  const message = find(response, Tag.ResultMessage)?.value.toString('utf8')
  return { status, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
}

/** The answer itself when it is a success; throws with its message otherwise. */
export function succeeded(response: Item): Item {
  const { status, reason, message } = resultOf(response)
  if (status !== 0) throw new Error(`refused, status ${status}, reason ${reason}: ${message}`)
  return response
}

export function identifierOf(response: Item): string {
  return textOf(succeeded(response), Tag.UniqueIdentifier)
}
