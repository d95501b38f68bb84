import { wireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  NameType,
  ObjectType,
  Operation,
  PaddingMethod,
  RevocationReasonCode,
  State,
} from '../../src/kmip/enums.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import { payloadOf, type Step, step } from '../crash/kmip-exchange.ts'

/** A key and how far its life has been asked to go and acknowledged to have gone: an age is a place in `changes`. */
export interface Key {
  readonly identifier: string
  readonly name: string
  acknowledged: number
  asked: number
}

const custom = (value: string) => wireAttribute('x-step', undefined, { itemType: ItemType.TextString, value })

/** What happens to every key, in this order; the age after the first is 1. */
export const changes: readonly ((uniqueIdentifier: string) => Step)[] = [
  (uniqueIdentifier) => step(Operation.Activate, { uniqueIdentifier }),
  (uniqueIdentifier) => step(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('added') }),
  (uniqueIdentifier) => step(Operation.ModifyAttribute, { uniqueIdentifier, attribute: custom('modified') }),
  (uniqueIdentifier) => step(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'x-step' }),
  (uniqueIdentifier) =>
    step(Operation.Revoke, {
      uniqueIdentifier,
      revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
    }),
  (uniqueIdentifier) => step(Operation.Destroy, { uniqueIdentifier }),
]
const activated = 1
const deleted = 4
const revoked = 5
const destroyed = 6

export function creation(nameValue: string): Step {
  const attributes = [
    wireAttribute('cryptographicAlgorithm', undefined, CryptographicAlgorithm.AES),
    wireAttribute('cryptographicLength', undefined, 256),
    wireAttribute('cryptographicUsageMask', undefined, 12),
    nameOf(nameValue),
  ]
  return step(Operation.Create, { objectType: ObjectType.SymmetricKey, templateAttribute: { names: [], attributes } })
}

const nameOf = (nameValue: string) =>
  wireAttribute('name', undefined, { nameValue, nameType: NameType.UninterpretedTextString })

/** The youngest and the oldest that a key can have been when it was answered for. */
export interface Ages {
  readonly from: number
  readonly to: number
}

/** Questions about a key, and what an answer says of its age. */
export const questions: readonly {
  readonly ask: (key: Key) => Step
  readonly ages: (item: ResponseBatchItem) => Ages
}[] = [
  {
    ask: ({ identifier: uniqueIdentifier }) =>
      step(Operation.GetAttributes, { uniqueIdentifier, attributeNames: ['State', 'x-step'] }),
    ages: agesByAttributes,
  },
  {
    ask: ({ identifier: uniqueIdentifier }) => step(Operation.Get, { uniqueIdentifier }),
    ages: (item) =>
      payloadOf(Operation.Get, item) === undefined ? { from: destroyed, to: destroyed } : { from: 0, to: revoked },
  },
  {
    ask: ({ identifier: uniqueIdentifier }) =>
      step(Operation.Encrypt, {
        uniqueIdentifier,
        cryptographicParameters: {
          blockCipherMode: BlockCipherMode.CBC,
          paddingMethod: PaddingMethod.PKCS5,
          randomIV: true,
        },
        data: Buffer.from('data'),
      }),
    // Refused before it is active and after it is revoked.
    ages: (item) =>
      payloadOf(Operation.Encrypt, item) === undefined ? { from: 0, to: destroyed } : { from: activated, to: deleted },
  },
  {
    ask: ({ name }) =>
      step(Operation.Locate, {
        attributes: [nameOf(name), wireAttribute('state', undefined, State.Active)],
      }),
    ages: (item) =>
      (payloadOf(Operation.Locate, item)?.uniqueIdentifiers ?? []).length === 0
        ? { from: 0, to: destroyed }
        : { from: activated, to: deleted },
  },
]

function agesByAttributes(item: ResponseBatchItem): Ages {
  const attributes = payloadOf(Operation.GetAttributes, item)?.attributes ?? []
  const valueOf = (wireName: string): unknown =>
    attributes.find(({ attributeName }) => attributeName === wireName)?.value
  const state = valueOf('State')
  const value = valueOf('x-step')
  const only = (age: number): Ages => ({ from: age, to: age })
  if (state === State.PreActive) return only(0)
  if (state === State.Deactivated) return only(revoked)
  if (state === State.Destroyed) return only(destroyed)
  if (state !== State.Active) throw new Error(`an answer with state ${String(state)}: ${item.resultMessage ?? ''}`)
  if (value === undefined) return { from: activated, to: deleted }
  // the type of a custom attribute's value is a union that its name decides
  return only((value as { value: unknown }).value === 'added' ? 2 : 3)
}
