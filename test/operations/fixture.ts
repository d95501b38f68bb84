import { RefusalRecords } from '../../src/audit/refusal-records.ts'
import type { Principal } from '../../src/auth/principal.ts'
import type { Clock } from '../../src/clock.ts'
import { CryptoWork } from '../../src/crypto/crypto-work.ts'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import type { Scope } from '../../src/hierarchy/key-chain.ts'
import { Keystore } from '../../src/keystore/keystore.ts'
import { attributeDefinition } from '../../src/kmip/attribute.ts'
import type { AttributeName, AttributeValues } from '../../src/kmip/attribute.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  enumTables,
  KeyFormatType,
  NameType,
  ObjectType,
  Operation,
  ResultStatus,
  SecretDataType,
} from '../../src/kmip/enums.ts'
import type { RequestPayload, ResponsePayload, ServedOperation } from '../../src/kmip/payloads/index.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import type { RequestHeader } from '../../src/kmip/request-header.ts'
import type { RequestBatchItem } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import type { CryptoPolicy } from '../../src/objects/crypto-policy.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import type { Services } from '../../src/operations/execute-batch.ts'
import { Streams } from '../../src/operations/streams.ts'
import { UnfinishedAnswers } from '../../src/operations/unfinished-answers.ts'
import type { Store } from '../../src/store/store.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from '../hierarchy/fixture.ts'

/** As `crypto` of the configuration is when it says nothing. */
const usualPolicy: CryptoPolicy = { approved: false, tripleDes: false, clientNonces: true }

/** A clock that is set by hand. */
export class FakeClock implements Clock {
  seconds = 1_790_000_000
  now(): number {
    return this.seconds * 1000
  }
  monotonic(): number {
    return this.seconds * 1000
  }
}

/** Two clients of one service, and one each of another service, another system and another tenant, over real keys and a memory store. */
export interface Server {
  readonly store: Store
  readonly hierarchy: Hierarchy
  readonly clock: FakeClock
  readonly counters: Counters
  readonly refusals: RefusalRecords
  readonly services: Services
  readonly faults: unknown[]
  readonly client: Client
  readonly colleague: Client
  readonly otherService: Client
  readonly otherSystem: Client
  readonly otherTenant: Client
  /** The same store behind another keystore: another thread. */
  otherThread(store?: Store): Client
}

export async function newServer(
  wrap: (store: Store) => Store = (store) => store,
  policy: Partial<CryptoPolicy> = {},
): Promise<Server> {
  const { externalKey, remove } = newStaticKey()
  const hierarchy = await newHierarchy(externalKey)
  remove()
  const store = wrap(hierarchy.store)
  const clock = new FakeClock()
  const faults: unknown[] = []
  const cryptoWork = new CryptoWork({ offload: 'table', loops: 1 })
  const counters = new Counters()
  const refusals = new RefusalRecords(store, clock, counters, (error) => faults.push(error))
  const servicesOf = (of: Store): Services => ({
    keystore: new Keystore(of, hierarchy.chain, clock, (error) => faults.push(error)),
    clock,
    randomBytes,
    cryptoWork,
    policy: { ...usualPolicy, ...policy },
    streams: new Streams(1, clock),
    unfinishedAnswers: new UnfinishedAnswers(),
    identify: (_, asked) => asked,
    refusals,
    server: { version: '1.2.3', https: false },
    onFault: (error) => faults.push(error),
  })
  const services = servicesOf(store)
  const { own, sibling, otherSystem, otherTenant } = hierarchy.scopes
  const clientOf = (scope: Scope, name: string) => new Client(principalOf(scope, name), services)
  return {
    store,
    hierarchy,
    clock,
    counters,
    refusals,
    services,
    faults,
    client: clientOf(own, 'client'),
    colleague: clientOf(own, 'colleague'),
    otherService: clientOf(sibling, 'sibling'),
    otherSystem: clientOf(otherSystem, 'system'),
    otherTenant: clientOf(otherTenant, 'tenant'),
    otherThread: (of = store) => new Client(principalOf(own, 'thread'), servicesOf(of)),
  }
}

export function principalOf(scope: Scope, name: string, allowed?: readonly number[]): Principal {
  return {
    ...scope,
    client: randomIdentifier(),
    tenantName: 'tenant',
    serviceName: 'default',
    clientName: name,
    scope,
    actor: `client:${name}`,
    objectRules: undefined,
    credential: undefined,
    refusal: undefined,
    allows: (operation) => allowed === undefined || allowed.includes(operation),
  }
}

export type Item = Omit<RequestBatchItem, 'payloadError'>

export interface Sent {
  readonly version?: KmipVersion
  readonly header?: Partial<RequestHeader>
}

/** Sends requests as bytes, through the codec, and reads the answers from bytes. */
export class Client {
  readonly principal: Principal
  readonly services: Services

  constructor(principal: Principal, services: Services) {
    this.principal = principal
    this.services = services
  }

  /** The bytes of the answer. */
  async bytes(items: readonly Item[], { version = 14, header = {} }: Sent = {}): Promise<Buffer> {
    const frame = encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(version), batchCount: items.length, ...header },
      batchItems: items.map((item, i) => ({
        ...item,
        uniqueBatchItemID: item.uniqueBatchItemID ?? (items.length > 1 ? Buffer.from([i]) : undefined),
      })),
    })
    const request = decodeRequest(frame)
    const batchItems = await executeBatch(request, this.principal, this.services)
    return encodeResponse({ version, timeStamp: 0, batchItems }).bytes
  }

  async batch(items: readonly Item[], sent?: Sent): Promise<readonly ResponseBatchItem[]> {
    return decodeResponse(await this.bytes(items, sent)).batchItems
  }

  /** One operation, whatever comes of it. */
  async item<O extends ServedOperation>(
    operation: O,
    requestPayload: RequestPayload<O>,
    sent?: Sent,
  ): Promise<ResponseBatchItem> {
    const [item] = await this.batch([{ operation, requestPayload }], sent)
    return item!
  }

  /** One operation that succeeds. */
  async send<O extends ServedOperation>(
    operation: O,
    requestPayload: RequestPayload<O>,
    sent?: Sent,
  ): Promise<ResponsePayload<O>> {
    const item = await this.item(operation, requestPayload, sent)
    if (item.resultStatus !== ResultStatus.Success) {
      throw new Error(`${enumTables.Operation.get(operation)?.name}: ${item.resultMessage}`)
    }
    return item.responsePayload as ResponsePayload<O>
  }

  /** One operation that is refused: reason and message. */
  async refusal<O extends ServedOperation>(
    operation: O,
    requestPayload: RequestPayload<O>,
    sent?: Sent,
  ): Promise<{ reason: string; message: string }> {
    return refusalOf(await this.item(operation, requestPayload, sent))
  }

  async create(attributes: readonly WireAttribute[] = [], sent?: Sent): Promise<string> {
    const { uniqueIdentifier } = await this.send(Operation.Create, createPayload(attributes), sent)
    return uniqueIdentifier
  }

  async register(
    material: Uint8Array,
    attributes: readonly WireAttribute[] = [],
    options: { mask?: number; keyFormatType?: number } & Sent = {},
  ): Promise<string> {
    const payload = registerKey(material, attributes, options)
    const { uniqueIdentifier } = await this.send(Operation.Register, payload, options)
    return uniqueIdentifier
  }

  async activate(uniqueIdentifier: string): Promise<void> {
    await this.send(Operation.Activate, { uniqueIdentifier })
  }

  async revoke(uniqueIdentifier: string, revocationReasonCode = 6): Promise<void> {
    await this.send(Operation.Revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode } })
  }

  async destroy(uniqueIdentifier: string): Promise<void> {
    await this.send(Operation.Destroy, { uniqueIdentifier })
  }

  /** The attributes by their wire name; several instances as a list. */
  async attributes(uniqueIdentifier: string, names: string[] = [], sent?: Sent): Promise<Record<string, unknown[]>> {
    const { attributes = [] } = await this.send(
      Operation.GetAttributes,
      { uniqueIdentifier, attributeNames: names },
      sent,
    )
    const byName: Record<string, unknown[]> = {}
    for (const { attributeName, value } of attributes) (byName[attributeName] ??= []).push(value)
    return byName
  }

  async attribute(uniqueIdentifier: string, name: string, sent?: Sent): Promise<unknown> {
    return (await this.attributes(uniqueIdentifier, [name], sent))[name]?.[0]
  }

  async locate(
    filters: readonly WireAttribute[],
    more: Partial<RequestPayload<typeof Operation.Locate>> = {},
    sent?: Sent,
  ): Promise<readonly string[]> {
    const { uniqueIdentifiers = [] } = await this.send(Operation.Locate, { ...more, attributes: filters }, sent)
    return uniqueIdentifiers
  }

  /** The key material that Get gives. */
  async material(uniqueIdentifier: string, sent?: Sent): Promise<Buffer> {
    const { symmetricKey, secretData, opaqueObject } = await this.send(Operation.Get, { uniqueIdentifier }, sent)
    const keyValue = (symmetricKey ?? secretData)?.keyBlock.keyValue
    return Buffer.from((keyValue?.keyMaterial ?? opaqueObject?.opaqueDataValue) as Uint8Array)
  }
}

export function refusalOf(item: ResponseBatchItem): { reason: string; message: string } {
  if (item.resultStatus !== ResultStatus.OperationFailed) throw new Error('the operation was not refused')
  return {
    reason: enumTables.ResultReason.get(item.resultReason!)?.name ?? String(item.resultReason),
    message: item.resultMessage ?? '',
  }
}

export function item<O extends ServedOperation>(operation: O, requestPayload: RequestPayload<O>): Item {
  return { operation, requestPayload }
}

/** An attribute as it stands in a request. */
export function attribute<K extends AttributeName>(name: K, value: AttributeValues[K], index?: number): WireAttribute {
  return { name, attributeName: attributeDefinition(name)!.attributeName, index, value }
}

export function custom(name: string, value: string | number | boolean | Uint8Array, itemType = 0x07): WireAttribute {
  return { name, attributeName: name, value: { itemType, value } }
}

export function named(nameValue: string): WireAttribute {
  return attribute('name', { nameValue, nameType: NameType.UninterpretedTextString })
}

export const encryptDecrypt = CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt

export function createPayload(
  attributes: readonly WireAttribute[] = [],
  options: { algorithm?: number; length?: number; mask?: number } = {},
): RequestPayload<typeof Operation.Create> {
  const { algorithm = CryptographicAlgorithm.AES, length = 256, mask = encryptDecrypt } = options
  return {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      names: [],
      attributes: [
        attribute('cryptographicAlgorithm', algorithm),
        attribute('cryptographicLength', length),
        attribute('cryptographicUsageMask', mask),
        ...attributes,
      ],
    },
  }
}

export function registerKey(
  material: Uint8Array,
  attributes: readonly WireAttribute[] = [],
  options: { mask?: number; keyFormatType?: number } = {},
): RequestPayload<typeof Operation.Register> {
  const { mask = encryptDecrypt, keyFormatType = KeyFormatType.Raw } = options
  const keyMaterial = keyFormatType === KeyFormatType.TransparentSymmetricKey ? { key: material } : material
  return {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: { names: [], attributes: [attribute('cryptographicUsageMask', mask), ...attributes] },
    symmetricKey: {
      keyBlock: {
        keyFormatType,
        keyValue: { keyMaterial },
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLength: material.byteLength * 8,
      },
    },
  }
}

export function registerSecret(
  material: Uint8Array,
  attributes: readonly WireAttribute[] = [],
  keyFormatType: number = KeyFormatType.Opaque,
): RequestPayload<typeof Operation.Register> {
  return {
    objectType: ObjectType.SecretData,
    templateAttribute: { names: [], attributes },
    secretData: {
      secretDataType: SecretDataType.Seed,
      keyBlock: { keyFormatType, keyValue: { keyMaterial: material } },
    },
  }
}

export function registerOpaque(
  value: Uint8Array,
  attributes: readonly WireAttribute[] = [],
): RequestPayload<typeof Operation.Register> {
  return {
    objectType: ObjectType.OpaqueObject,
    templateAttribute: { names: [], attributes },
    opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: value },
  }
}
