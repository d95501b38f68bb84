import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  type BlockCipherMode,
  CryptographicUsageMask,
  type DerivationMethod,
  enumTables,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  ResultReason,
  SecretDataType,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { KeyBlock } from '../../src/kmip/key-block.ts'
import type { RequestPayload, ResponsePayload, ServedOperation } from '../../src/kmip/payloads/index.ts'
import type { DerivationParameters } from '../../src/kmip/payloads/derive-key.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { attribute, newServer } from '../operations/fixture.ts'

/** True where every vector is to be run (npm run test:conformance), rather than some of each file. */
const runsAll = process.env['KRYPTON_VECTORS'] === 'all'

/** All of them, or the first and every 16th after it. */
export function sampled<T>(vectors: readonly T[]): readonly T[] {
  return runsAll ? vectors : vectors.filter((_, i) => i % 16 === 0)
}

/** A cipher's vector. */
export interface CipherVector {
  readonly key: Buffer
  readonly iv?: Buffer
  readonly message: Buffer
  readonly encrypted: Buffer
  readonly tag?: Buffer
  readonly associated?: Buffer
}

/** What is registered of a key: each once. */
export interface KeyForm {
  readonly objectType: typeof ObjectType.SymmetricKey | typeof ObjectType.PublicKey | typeof ObjectType.PrivateKey
  readonly keyFormatType: number
  readonly algorithm: number
  readonly lengthBits: number
  /** Of its Cryptographic Parameters, for what is done by these alone. */
  readonly blockCipherMode?: BlockCipherMode | undefined
}

/** What answers the operations. */
export interface Operations {
  item<O extends ServedOperation>(operation: O, requestPayload: RequestPayload<O>): Promise<ResponseBatchItem>
  /** What went wrong by a fault of ours, where that can be told. */
  fault(): unknown
  close(): Promise<void>
}

/** Runs vectors of others through the operations of KMIP. What is refused is undefined; a fault of ours is never taken for a refusal. */
export class VectorClient {
  readonly #operations: Operations
  readonly #keys = new Map<string, Promise<string | undefined>>()

  /** Over the handlers of the operations: requests and answers as bytes, real keys, a store in memory. */
  static async open(): Promise<VectorClient> {
    const { client, services, faults } = await newServer(undefined, { tripleDes: true })
    return new VectorClient({
      item: (operation, payload) => client.item(operation, payload),
      fault: () => faults.splice(0)[0],
      close: () => services.cryptoWork.close(0),
    })
  }

  constructor(operations: Operations) {
    this.#operations = operations
  }

  async close(): Promise<void> {
    await this.#operations.close()
  }

  /** The answer's payload; undefined when the operation was refused. */
  async try<O extends ServedOperation>(
    operation: O,
    request: RequestPayload<O>,
  ): Promise<ResponsePayload<O> | undefined> {
    const item = await this.#operations.item(operation, request)
    if (item.resultStatus === 0) return item.responsePayload as ResponsePayload<O>
    if (item.resultReason !== ResultReason.GeneralFailure) return undefined
    const name = enumTables.Operation.get(operation)?.name
    throw new Error(`${name}: ${item.resultMessage}`, { cause: this.#operations.fault() })
  }

  /** The identifier of a key of that material; undefined when no such key can be registered. */
  key(material: Buffer, form: KeyForm): Promise<string | undefined> {
    const name = `${JSON.stringify(form)} ${material.toString('hex')}`
    const known = this.#keys.get(name) ?? this.#register(material, form)
    this.#keys.set(name, known)
    return known
  }

  /** The same for a symmetric key. */
  symmetric(material: Buffer, algorithm: number, blockCipherMode?: BlockCipherMode): Promise<string | undefined> {
    const lengthBits = material.byteLength * 8
    const form = { objectType: ObjectType.SymmetricKey, keyFormatType: KeyFormatType.Raw, algorithm, lengthBits }
    return this.key(material, { ...form, blockCipherMode })
  }

  /** The same for a secret. */
  async secret(material: Buffer): Promise<string | undefined> {
    const answer = await this.try(Operation.Register, {
      objectType: ObjectType.SecretData,
      templateAttribute: { names: [], attributes: usable },
      secretData: {
        secretDataType: SecretDataType.Password,
        keyBlock: { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial: material } },
      },
    })
    return answer?.uniqueIdentifier
  }

  async encrypt(
    uniqueIdentifier: string,
    cryptographicParameters: CryptographicParameters,
    { message, iv, associated }: Omit<CipherVector, 'key' | 'encrypted'>,
  ): Promise<{ encrypted: Buffer; tag: Buffer | undefined } | undefined> {
    const answer = await this.try(Operation.Encrypt, {
      uniqueIdentifier,
      cryptographicParameters,
      data: message,
      ivCounterNonce: iv,
      authenticatedEncryptionAdditionalData: associated,
    })
    if (answer === undefined) return undefined
    const { data, authenticatedEncryptionTag: tag } = answer
    return { encrypted: Buffer.from(data!), tag: tag && Buffer.from(tag) }
  }

  async decrypt(
    uniqueIdentifier: string,
    cryptographicParameters: CryptographicParameters,
    { encrypted, iv, tag, associated }: Omit<CipherVector, 'key' | 'message'>,
  ): Promise<Buffer | undefined> {
    const answer = await this.try(Operation.Decrypt, {
      uniqueIdentifier,
      cryptographicParameters,
      data: encrypted,
      ivCounterNonce: iv,
      authenticatedEncryptionTag: tag,
      authenticatedEncryptionAdditionalData: associated,
    })
    return answer && Buffer.from(answer.data as Uint8Array)
  }

  async mac(
    uniqueIdentifier: string,
    cryptographicParameters: CryptographicParameters,
    data: Buffer,
  ): Promise<Buffer | undefined> {
    const answer = await this.try(Operation.MAC, { uniqueIdentifier, cryptographicParameters, data })
    return answer && Buffer.from(answer.macData!)
  }

  async isMac(
    uniqueIdentifier: string,
    cryptographicParameters: CryptographicParameters,
    data: Buffer,
    macData: Buffer,
  ): Promise<boolean> {
    const answer = await this.try(Operation.MACVerify, { uniqueIdentifier, cryptographicParameters, data, macData })
    return answer?.validityIndicator === ValidityIndicator.Valid
  }

  async isSignature(
    uniqueIdentifier: string,
    cryptographicParameters: CryptographicParameters,
    data: Buffer,
    signatureData: Buffer,
  ): Promise<boolean> {
    const request = { uniqueIdentifier, cryptographicParameters, data, signatureData }
    return (await this.try(Operation.SignatureVerify, request))?.validityIndicator === ValidityIndicator.Valid
  }

  /** The bytes of a new Secret Data object. */
  async derive(
    uniqueIdentifiers: readonly string[],
    derivationMethod: DerivationMethod,
    derivationParameters: DerivationParameters,
    byteLength: number,
  ): Promise<Buffer | undefined> {
    const answer = await this.try(Operation.DeriveKey, {
      objectType: ObjectType.SecretData,
      uniqueIdentifiers,
      derivationMethod,
      derivationParameters,
      templateAttribute: { names: [], attributes: [attribute('cryptographicLength', byteLength * 8)] },
    })
    if (answer === undefined) return undefined
    const got = await this.try(Operation.Get, { uniqueIdentifier: answer.uniqueIdentifier })
    return Buffer.from(got!.secretData!.keyBlock.keyValue!.keyMaterial as Uint8Array)
  }

  async hash(hashingAlgorithm: HashingAlgorithm, data: Buffer): Promise<Buffer | undefined> {
    const answer = await this.try(Operation.Hash, { cryptographicParameters: { hashingAlgorithm }, data })
    return answer && Buffer.from(answer.data!)
  }

  async #register(material: Buffer, form: KeyForm): Promise<string | undefined> {
    const { objectType, keyFormatType, algorithm, lengthBits, blockCipherMode } = form
    const keyBlock: KeyBlock = {
      keyFormatType,
      keyValue: { keyMaterial: material },
      cryptographicAlgorithm: algorithm,
      cryptographicLength: lengthBits,
    }
    const mode = blockCipherMode === undefined ? [] : [attribute('cryptographicParameters', { blockCipherMode })]
    const payload = { objectType, templateAttribute: { names: [], attributes: [...usable, ...mode] } }
    const answer = await this.try(Operation.Register, {
      ...payload,
      ...(objectType === ObjectType.SymmetricKey ? { symmetricKey: { keyBlock } } : {}),
      ...(objectType === ObjectType.PublicKey ? { publicKey: { keyBlock } } : {}),
      ...(objectType === ObjectType.PrivateKey ? { privateKey: { keyBlock } } : {}),
    })
    return answer?.uniqueIdentifier
  }
}

/** Active, and for everything. */
const usable: readonly WireAttribute[] = [
  attribute('activationDate', 0),
  attribute(
    'cryptographicUsageMask',
    Object.values(CryptographicUsageMask).reduce((all, one) => all | one, 0),
  ),
]

/** The Hashing Algorithm that a file calls `SHA-256`, `SHA512/224` or `SHA3-256`; undefined for one that KMIP 1.4 has no number for. */
export function hashingAlgorithmOf(name: unknown): HashingAlgorithm | undefined {
  const text = String(name).toUpperCase()
  const key = text.startsWith('SHA3') ? text.replace('-', '_') : text.replace('-', '').replace('/', '_')
  return (HashingAlgorithm as Readonly<Record<string, HashingAlgorithm>>)[key]
}
