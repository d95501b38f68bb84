import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { wireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CryptographicAlgorithm,
  KeyFormatType,
  NameType,
  ObjectType,
  Operation,
  RevocationReasonCode,
  SecretDataType,
  State,
} from '../../src/kmip/enums.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import type { KeyImage } from './key-ledger.ts'
import { type Step, step } from './kmip-exchange.ts'

/** A request and what the key is like when all of it was carried out. Every request is one transaction, however many steps it has. */
export interface KeyChange {
  readonly steps: readonly Step[]
  readonly after: KeyImage
}

/** The custom attribute of `KeyImage.count`. */
export const countAttribute = 'x-count'

/** A new key with a Name, made by the server or brought along; sometimes the same request changes it further. */
export function creation(name = `key ${randomUUID()}`): KeyChange {
  const made = oneOf([registration, registration, secretRegistration, serverCreation])(name)
  return oneOf([identity, identity, (change: KeyChange) => then(then(change, grouping), activation)])(made)
}

/** Some change that a key like `image` takes; undefined for one that is destroyed. */
export function changeOf(identifier: string, image: KeyImage): KeyChange | undefined {
  if (isGone(image.state)) return undefined
  const nothing: KeyChange = { steps: [], after: image }
  const always = [grouping, counting, renaming]
  const byState =
    image.state === State.PreActive
      ? [activation, activation, destruction]
      : image.state === State.Active
        ? [revocation, compromise]
        : [destruction, destruction]
  const first = then(nothing, oneOf([...always, ...byState]), identifier)
  return Math.random() < 0.8 || isGone(first.after.state) ? first : then(first, oneOf(always), identifier)
}

/** True if the key is destroyed, compromised or not. */
export function isGone(state: State): boolean {
  return state === State.Destroyed || state === State.DestroyedCompromised
}

/** What Get makes of a key: its bytes are known, and it is fresh no longer, which is a change. */
export function afterGet(image: KeyImage, sha256: string): KeyImage {
  return { ...image, sha256, fresh: false, changes: image.changes + (image.fresh ? 1 : 0) }
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A step about a key; without identifier it is about the key that the request has just made. */
type Alteration = (identifier: string | undefined, image: KeyImage) => { step: Step; after: Partial<KeyImage> }

function then({ steps, after }: KeyChange, alteration: Alteration, identifier?: string): KeyChange {
  const next = alteration(identifier, after)
  return { steps: [...steps, next.step], after: { ...after, ...next.after, changes: after.changes + 1 } }
}

const activation: Alteration = (uniqueIdentifier) => ({
  step: step(Operation.Activate, { uniqueIdentifier }),
  after: { state: State.Active },
})

const revocation: Alteration = (uniqueIdentifier) => ({
  step: revoke(uniqueIdentifier, RevocationReasonCode.CessationOfOperation),
  after: { state: State.Deactivated },
})

const compromise: Alteration = (uniqueIdentifier) => ({
  step: revoke(uniqueIdentifier, RevocationReasonCode.KeyCompromise),
  after: { state: State.Compromised },
})

const destruction: Alteration = (uniqueIdentifier, { state }) => ({
  step: step(Operation.Destroy, { uniqueIdentifier }),
  after: { state: state === State.Compromised ? State.DestroyedCompromised : State.Destroyed },
})

const grouping: Alteration = (uniqueIdentifier, { groups }) => {
  const group = `group ${randomUUID()}`
  const attribute = wireAttribute('objectGroup', undefined, group)
  return { step: step(Operation.AddAttribute, { uniqueIdentifier, attribute }), after: { groups: [...groups, group] } }
}

const counting: Alteration = (uniqueIdentifier, { count }) => {
  const next = String(Number(count) + 1)
  return {
    step: step(Operation.ModifyAttribute, { uniqueIdentifier, attribute: countOf(next) }),
    after: { count: next },
  }
}

const renaming: Alteration = (uniqueIdentifier) => {
  const name = `key ${randomUUID()}`
  return {
    step: step(Operation.ModifyAttribute, { uniqueIdentifier, attribute: nameOf(name) }),
    after: { name },
  }
}

function registration(name: string): KeyChange {
  const material = randomBytes(32)
  const keyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { keyMaterial: material },
    cryptographicAlgorithm: CryptographicAlgorithm.AES,
    cryptographicLength: 256,
  }
  const registered = step(Operation.Register, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: templateOf(name),
    symmetricKey: { keyBlock },
  })
  return { steps: [registered], after: newImage(name, sha256Of(material)) }
}

/** As MongoDB's library registers its keys, but for the Name. */
function secretRegistration(name: string): KeyChange {
  const material = randomBytes(96)
  const registered = step(Operation.Register, {
    objectType: ObjectType.SecretData,
    templateAttribute: templateOf(name),
    secretData: {
      secretDataType: SecretDataType.Seed,
      keyBlock: { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial: material } },
    },
  })
  return { steps: [registered], after: newImage(name, sha256Of(material)) }
}

function serverCreation(name: string): KeyChange {
  const templateAttribute = templateOf(name, [
    wireAttribute('cryptographicAlgorithm', undefined, CryptographicAlgorithm.AES),
    wireAttribute('cryptographicLength', undefined, 256),
  ])
  const created = step(Operation.Create, { objectType: ObjectType.SymmetricKey, templateAttribute })
  return { steps: [created], after: newImage(name, undefined) }
}

function newImage(name: string, sha256: string | undefined): KeyImage {
  return { state: State.PreActive, name, groups: [], count: '0', fresh: true, sha256, changes: 1 }
}

function templateOf(name: string, attributes: readonly ReturnType<typeof wireAttribute>[] = []) {
  const usage = wireAttribute('cryptographicUsageMask', undefined, 12)
  return { names: [], attributes: [usage, ...attributes, nameOf(name), countOf('0')] }
}

/** The Name of a key as an attribute: of a request, or to be located. */
export function nameOf(nameValue: string) {
  return wireAttribute('name', undefined, { nameValue, nameType: NameType.UninterpretedTextString })
}

function countOf(value: string) {
  return wireAttribute(countAttribute, undefined, { itemType: ItemType.TextString, value })
}

function revoke(uniqueIdentifier: string | undefined, revocationReasonCode: RevocationReasonCode): Step {
  return step(Operation.Revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode } })
}

function oneOf<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)]!
}

function identity<T>(value: T): T {
  return value
}
