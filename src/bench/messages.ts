import { Operation, Tag } from './tags.ts'
import { boolean, bytes, enumeration, integer, structure, text } from './ttlv.ts'

/*
 * What MongoDB's clients send, byte for byte: libmongocrypt (headers 1.0 and 1.2, one batch item, no batch identifier) and
 * mongod (header 1.2), and a few messages more that load a server beside them. `test/bench/messages.test.ts` holds the first against recordings of the library.
 */

/** libmongocrypt's new KEK: a Secret Data of 96 bytes, type Seed, format Opaque, usage mask 0, no name. */
export function registerSecretData(material: Uint8Array): Buffer {
  return request(
    0,
    Operation.Register,
    enumeration(Tag.ObjectType, 7),
    structure(Tag.TemplateAttribute, attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 0))),
    structure(
      Tag.SecretData,
      enumeration(Tag.SecretDataType, 2),
      structure(
        Tag.KeyBlock,
        enumeration(Tag.KeyFormatType, 2),
        structure(Tag.KeyValue, bytes(Tag.KeyMaterial, material)),
      ),
    ),
  )
}

/** A new AES-256 key for encryption and decryption; with a name when Locate is to find it. */
export function createKey(name?: string): Buffer {
  return request(2, Operation.Create, ...createPayload(name))
}

/** The same for each of these names, in one message. Keys of KMIP 1.0 have no Fresh, which the first Get of others changes. */
export function createKeys(names: readonly string[], minor: 0 | 2 = 2): Buffer {
  const items = names.map((name, index) =>
    structure(
      Tag.BatchItem,
      enumeration(Tag.Operation, Operation.Create),
      bytes(Tag.UniqueBatchItemID, Buffer.from([index])),
      structure(Tag.RequestPayload, ...createPayload(name)),
    ),
  )
  return message(minor, ...items)
}

function createPayload(name: string | undefined): Buffer[] {
  const named =
    name === undefined
      ? []
      : [attribute('Name', structure(Tag.AttributeValue, text(Tag.NameValue, name), enumeration(Tag.NameType, 1)))]
  return [
    enumeration(Tag.ObjectType, 2),
    structure(
      Tag.TemplateAttribute,
      attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, 3)),
      attribute('Cryptographic Length', integer(Tag.AttributeValue, 256)),
      attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 12)),
      ...named,
    ),
  ]
}

/** libmongocrypt activates under header 1.0 whatever it used before; mongod keeps to 1.2. */
export function activate(identifier: string, minor: 0 | 2 = 0): Buffer {
  return request(minor, Operation.Activate, text(Tag.UniqueIdentifier, identifier))
}

export function get(identifier: string, minor: 0 | 2 = 0): Buffer {
  return request(minor, Operation.Get, text(Tag.UniqueIdentifier, identifier))
}

/** mongod's poll of a key's state. */
export function getState(identifier: string): Buffer {
  return request(2, Operation.GetAttributes, text(Tag.UniqueIdentifier, identifier), text(Tag.AttributeName, 'State'))
}

/** Get Attributes of these by name. */
export function getAttributes(identifier: string, names: readonly string[]): Buffer {
  return request(
    2,
    Operation.GetAttributes,
    text(Tag.UniqueIdentifier, identifier),
    ...names.map((name) => text(Tag.AttributeName, name)),
  )
}

/** Which operations the server has. */
export function queryOperations(): Buffer {
  return request(2, Operation.Query, enumeration(Tag.QueryFunction, 1))
}

/** A new RSA key pair whose private key signs and whose public key verifies. */
export function createRsaKeyPair(bits: number): Buffer {
  const mask = (tag: number, value: number): Buffer =>
    structure(tag, attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, value)))
  return request(
    2,
    Operation.CreateKeyPair,
    structure(
      Tag.CommonTemplateAttribute,
      attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, 4)),
      attribute('Cryptographic Length', integer(Tag.AttributeValue, bits)),
    ),
    mask(Tag.PrivateKeyTemplateAttribute, 1),
    mask(Tag.PublicKeyTemplateAttribute, 2),
  )
}

/** RSA with PKCS #1 v1.5 and SHA-256, of data that the server hashes. */
export function signRsa(identifier: string, data: Uint8Array): Buffer {
  return request(
    2,
    Operation.Sign,
    text(Tag.UniqueIdentifier, identifier),
    structure(
      Tag.CryptographicParameters,
      enumeration(Tag.PaddingMethod, 8),
      enumeration(Tag.HashingAlgorithm, 6),
      enumeration(Tag.CryptographicAlgorithm, 4),
    ),
    bytes(Tag.Data, data),
  )
}

/** CBC with PKCS #5 padding; the server chooses the IV and sends it back. */
export function encrypt(identifier: string, data: Uint8Array): Buffer {
  return request(
    2,
    Operation.Encrypt,
    text(Tag.UniqueIdentifier, identifier),
    structure(Tag.CryptographicParameters, ...aesCbc, boolean(Tag.RandomIV, true)),
    bytes(Tag.Data, data),
  )
}

/** The same with an IV of the client's, for servers that know no Random IV (PyKMIP answers it with an IV all the same). */
export function decrypt(identifier: string, data: Uint8Array, iv: Uint8Array): Buffer {
  return request(
    2,
    Operation.Decrypt,
    text(Tag.UniqueIdentifier, identifier),
    structure(Tag.CryptographicParameters, ...aesCbc),
    bytes(Tag.Data, data),
    bytes(Tag.IVCounterNonce, iv),
  )
}

/** Locate by type and name, as libkmip's callers do; the answer has one identifier. */
export function locate(name: string): Buffer {
  return request(
    0,
    Operation.Locate,
    integer(Tag.MaximumItems, 16),
    attribute('Object Type', enumeration(Tag.AttributeValue, 2)),
    attribute('Name', structure(Tag.AttributeValue, text(Tag.NameValue, name), enumeration(Tag.NameType, 1))),
  )
}

/** Cessation of Operation: the reason that leaves no mark of a compromise. */
export function revoke(identifier: string): Buffer {
  return request(
    0,
    Operation.Revoke,
    text(Tag.UniqueIdentifier, identifier),
    structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, 6)),
  )
}

export function destroy(identifier: string): Buffer {
  return request(0, Operation.Destroy, text(Tag.UniqueIdentifier, identifier))
}

const aesCbc = [
  enumeration(Tag.BlockCipherMode, 1),
  enumeration(Tag.PaddingMethod, 3),
  enumeration(Tag.CryptographicAlgorithm, 3),
]

function request(minor: number, operation: number, ...payload: readonly Buffer[]): Buffer {
  return message(
    minor,
    structure(Tag.BatchItem, enumeration(Tag.Operation, operation), structure(Tag.RequestPayload, ...payload)),
  )
}

function message(minor: number, ...items: readonly Buffer[]): Buffer {
  return structure(
    Tag.RequestMessage,
    structure(
      Tag.RequestHeader,
      structure(Tag.ProtocolVersion, integer(Tag.ProtocolVersionMajor, 1), integer(Tag.ProtocolVersionMinor, minor)),
      integer(Tag.BatchCount, items.length),
    ),
    ...items,
  )
}

function attribute(name: string, value: Buffer): Buffer {
  return structure(Tag.Attribute, text(Tag.AttributeName, name), value)
}
