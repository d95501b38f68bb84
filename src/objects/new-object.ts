import { KryptonError } from '../errors.ts'
import { Attributes } from '../kmip/attribute.ts'
import type { AttributeValues } from '../kmip/attribute.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { HashingAlgorithm, ObjectType, RNGAlgorithm, State } from '../kmip/enums.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { limits } from '../limits.ts'
import { checkAttributesSize, setRequested } from './attributes.ts'
import { KeyForm, ManagedObject } from './managed-object.ts'
import { hasLeaseTime, hasState } from './stored-attributes.ts'
import { uniqueIdentifierOf } from './unique-identifier.ts'

/** What a Create or a Register asks for. */
export interface NewObject {
  readonly id: Buffer
  readonly sequence: number
  readonly objectType: ObjectType
  readonly requested: readonly WireAttribute[]
  /** 0 for none, here and below. */
  readonly algorithm: number
  readonly lengthBits: number
  readonly keyFormatType: number
  readonly dataType: number
  /** Plain when it is left out. */
  readonly keyForm?: KeyForm
  /** SHA-256 of the key material; undefined where it is not kept (`keepsDigest`). */
  readonly digest: Buffer | undefined
  /** False when the client kept the material to itself (3.41). */
  readonly keyValuePresent: boolean
  /** What the object says of itself, where it does. */
  readonly implied?: Partial<AttributeValues>
  /** What the object's own structure says beside its Key Block, as it is kept. */
  readonly structure?: Uint8Array
  /** Made here, rather than by the client. */
  readonly generated: boolean
  readonly version: KmipVersion
  /** Seconds since 1970. */
  readonly now: number
}

/**
 * May the digest stand beside the wrapped key? Of a key, yes: it says nothing of the key. A secret may be a password, and with its plain
 * hash in the store whoever steals the store could try passwords: its digest is made from the record when somebody asks for it.
 */
export function keepsDigest(objectType: ObjectType): boolean {
  return objectType !== ObjectType.SecretData && objectType !== ObjectType.OpaqueObject
}

/**
 * The object that a request asks for, with what the server sets unasked, before its key material is sealed (KMIP 1.4 section 3, "When
 * implicitly set"). An Activation Date that has passed makes it Active at once (3.22).
 * @throws KryptonError with the reasons of sections 11.2 and 11.4
 */
export function newObject(request: NewObject): ManagedObject {
  const { objectType, algorithm, lengthBits, keyFormatType, generated, now } = request
  const attributes = new Attributes()
  setRequested(attributes, objectType, request.requested)
  attributes.set('initialDate', now)
  attributes.set('lastChangeDate', now)
  if (hasState(objectType) && !attributes.has('cryptographicUsageMask')) attributes.set('cryptographicUsageMask', 0)
  if (request.digest !== undefined) {
    attributes.set('digest', digestAttribute(keyFormatType, request.digest))
  }
  for (const [name, value] of Object.entries(request.implied ?? {})) {
    if (value !== undefined) attributes.putValue(name, 0, value)
  }
  if (!request.keyValuePresent) attributes.set('keyValuePresent', false)
  // Clients of 1.0 know nothing of Fresh (3.34), and without it their first Get has nothing to write.
  if (hasState(objectType) && request.version >= 11 && !attributes.has('fresh')) attributes.set('fresh', true)
  if (generated) {
    if (attributes.has('originalCreationDate')) {
      throw new KryptonError(
        'invalid-field',
        'Leave out Original Creation Date: of what is made here the server sets it',
      )
    }
    // The kernel's generator is none of those that the specification has a word for (3.44).
    if (
      (attributes.first('randomNumberGenerator')?.rngAlgorithm ?? RNGAlgorithm.Unspecified) !== RNGAlgorithm.Unspecified
    ) {
      throw new KryptonError('invalid-field', 'Leave out Random Number Generator: Query lists the only one')
    }
    attributes.set('originalCreationDate', now)
    // What is issued is signed, not generated: Certify and Re-certify are none of the operations that set this one (3.44).
    if (objectType !== ObjectType.Certificate) {
      attributes.set('randomNumberGenerator', { rngAlgorithm: RNGAlgorithm.Unspecified })
    }
  }
  const sensitive = attributes.first('sensitive') ?? false
  const extractable = attributes.first('extractable') ?? true
  attributes.set('sensitive', sensitive)
  attributes.set('alwaysSensitive', sensitive)
  attributes.set('extractable', extractable)
  attributes.set('neverExtractable', !extractable)

  const uniqueIdentifier = uniqueIdentifierOf(request.id)
  attributes.set('uniqueIdentifier', uniqueIdentifier)
  attributes.set('objectType', objectType)
  if (hasLeaseTime(objectType)) attributes.set('leaseTime', limits.leaseSeconds)
  if (hasState(objectType)) attributes.set('state', State.PreActive)
  if (algorithm !== 0) attributes.set('cryptographicAlgorithm', algorithm)
  else attributes.remove('cryptographicAlgorithm')
  if (lengthBits !== 0) attributes.set('cryptographicLength', lengthBits)
  else attributes.remove('cryptographicLength')
  const fields = {
    id: request.id,
    sequence: request.sequence,
    objectType,
    archived: false,
    state: State.PreActive,
    activationDate: attributes.first('activationDate'),
    deactivationDate: attributes.first('deactivationDate'),
    algorithm,
    lengthBits,
    keyFormatType,
    keyForm: request.keyForm ?? KeyForm.Plain,
    dataType: request.dataType,
    keyVersion: 0,
    blobVersion: 1,
    record: noRecord,
    rowVersion: 0,
  }
  const made = new ManagedObject(fields, attributes, { structure: request.structure, uniqueIdentifier })
  checkAttributesSize(made)
  return made
}

/** Nothing is sealed yet. */
const noRecord = new Uint8Array(0)

/** Digest (3.17); the format is that of the digested form, which an Opaque Object does not have. */
export function digestAttribute(keyFormatType: number, digestValue: Buffer): AttributeValues['digest'] {
  return {
    hashingAlgorithm: HashingAlgorithm.SHA256,
    digestValue,
    keyFormatType: keyFormatType === 0 ? undefined : keyFormatType,
  }
}
