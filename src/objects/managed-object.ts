import { Attributes } from '../kmip/attribute.ts'
import { ObjectType, State } from '../kmip/enums.ts'
import { stateAt } from './state.ts'
import type { Lifecycle } from './state.ts'
import { decodeStored, encodeStored, hasState, servingOf, structureOf } from './stored-attributes.ts'
import { uniqueIdentifierOf } from './unique-identifier.ts'

/** What the record of an object holds. */
export const KeyForm = {
  /** The key material. */
  Plain: 0,
  /** The Key Block as it was registered, wrapped by a key that did not open it here. */
  Wrapped: 1,
  /** The Key Block as it was registered, wrapped, and the key material that it opened to. */
  Opened: 2,
} as const
export type KeyForm = (typeof KeyForm)[keyof typeof KeyForm]

/** What is known of an object without looking at its attributes. Zero stands for "has none". */
export interface ObjectFields extends Lifecycle {
  /** 16 bytes. */
  readonly id: Buffer
  /** Place in the order of creation. */
  readonly sequence: number
  readonly objectType: ObjectType
  /** Off-line (4.22): its material is there, and is not used until the object is recovered. */
  readonly archived: boolean
  readonly algorithm: number
  readonly lengthBits: number
  /** As it was registered or created. */
  readonly keyFormatType: number
  readonly keyForm: KeyForm
  /** Secret Data Type or Opaque Data Type. */
  readonly dataType: number
  /** The version of the Service Key that the record is under. */
  readonly keyVersion: number
  /** Counts the rewrites of the record. */
  readonly blobVersion: number
  /** The wrapped key material; empty when there is none: destroyed, or never given to the server. */
  readonly record: Uint8Array
  /** Counts the changes; 0 for an object that is not stored yet. */
  readonly rowVersion: number
}

/**
 * What is left of a Template that was destroyed, "including all meta-data" (KMIP 1.4 section 4.21): a place that nobody finds, off-line so that who finds
 * others asks no more than before.
 */
export function withoutTemplate({ fields }: ManagedObject): ManagedObject {
  return new ManagedObject({ ...fields, state: State.Destroyed, archived: true }, new Attributes())
}

/** Is it such a place? */
export function isGone({ fields }: ManagedObject): boolean {
  return fields.archived && fields.objectType === ObjectType.Template && fields.state === State.Destroyed
}

/** What Get must know of the attributes, so that it need not look at them each time. */
export interface Serving {
  readonly sensitive: boolean
  readonly extractable: boolean
  readonly fresh: boolean
}

/** What is known of an object beside its fields and attributes. */
interface Known {
  readonly encoded?: Uint8Array | undefined
  readonly structure?: Uint8Array | undefined
  readonly uniqueIdentifier?: string
}

/**
 * A Managed Object in memory: its fields, and its attributes, which are decoded when they are first asked for. It never changes: a
 * change makes a new one (`with`), so that caches and requests share it freely. Attributes handed out are cloned before they are changed.
 */
export class ManagedObject {
  readonly fields: ObjectFields
  readonly uniqueIdentifier: string
  #encoded: Uint8Array | undefined
  #attributes: Attributes | undefined
  #structure: Uint8Array | undefined
  #serving: Serving | undefined

  /** `attributes` are what `encodedAttributes` gave, or all of them; then what it gives may be known already, and `structure` is what it ends in. `uniqueIdentifier` is the text of the identifier, where somebody has it. */
  constructor(
    fields: ObjectFields,
    attributes: Attributes | Uint8Array,
    { encoded, structure, uniqueIdentifier = uniqueIdentifierOf(fields.id) }: Known = {},
  ) {
    this.fields = fields
    this.uniqueIdentifier = uniqueIdentifier
    if (attributes instanceof Uint8Array) this.#encoded = attributes
    else {
      this.#attributes = attributes
      this.#encoded = encoded
      this.#structure = structure
    }
  }

  /** Every attribute, with the state as it was last written. */
  get attributes(): Attributes {
    this.#attributes ??= decodeStored(this.fields, this.uniqueIdentifier, this.#encoded!) // one of the two was given
    return this.#attributes
  }

  /** The attributes in the form that is stored: without what the fields say, and with the object's structure after them. */
  get encodedAttributes(): Uint8Array {
    this.#encoded ??= encodeStored(this.attributes, this.#structure)
    return this.#encoded
  }

  /** What the object's own structure says beside its Key Block, as an item of TTLV; most objects have nothing of the kind. */
  get structure(): Uint8Array | undefined {
    return this.#structure ?? (this.#encoded && structureOf(this.#encoded))
  }

  get serving(): Serving {
    this.#serving ??= this.#attributes === undefined ? servingOf(this.#encoded!) : servingIn(this.#attributes)
    return this.#serving
  }

  /** The state at `now`, in seconds since 1970. */
  stateAt(now: number): State {
    return stateAt(this.fields, now)
  }

  /** Every attribute as of `now`. */
  attributesAt(now: number): Attributes {
    const state = this.stateAt(now)
    if (state === this.fields.state || !hasState(this.fields.objectType)) return this.attributes
    const attributes = this.attributes.clone()
    attributes.set('state', state)
    return attributes
  }

  /** The object after a change. `attributes`, when given, are all of them: dates and state in the fields follow from them. */
  with(change: Partial<Omit<ObjectFields, 'id'>>, attributes?: Attributes): ManagedObject {
    const { uniqueIdentifier } = this
    if (attributes === undefined) {
      const known = { encoded: this.#encoded, structure: this.#structure, uniqueIdentifier }
      return new ManagedObject({ ...this.fields, ...change }, this.attributes, known)
    }
    const fields = {
      ...this.fields,
      ...change,
      activationDate: attributes.first('activationDate'),
      deactivationDate: attributes.first('deactivationDate'),
    }
    if (hasState(fields.objectType)) attributes.set('state', fields.state)
    return new ManagedObject(fields, attributes, { structure: this.structure, uniqueIdentifier })
  }
}

function servingIn(attributes: Attributes): Serving {
  return {
    sensitive: attributes.first('sensitive') === true,
    extractable: attributes.first('extractable') !== false,
    fresh: attributes.first('fresh') === true,
  }
}
