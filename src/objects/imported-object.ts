import { KryptonError } from '../errors.ts'
import { attributeDefinition, Attributes } from '../kmip/attribute.ts'
import type { AttributeValues } from '../kmip/attribute.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { enumTables, HashingAlgorithm, State } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import {
  appliesTo,
  checkAttributesSize,
  checkDates,
  checkedValue,
  checkLinks,
  refuseOperators,
  tooMany,
} from './attributes.ts'
import { ManagedObject } from './managed-object.ts'
import { digestAttribute } from './new-object.ts'
import type { NewObject } from './new-object.ts'
import { isDestroyed } from './state.ts'
import { hasLeaseTime, hasState } from './stored-attributes.ts'

/** An object that comes with its history. */
export interface ImportedObject extends Omit<NewObject, 'generated' | 'version' | 'keyForm'> {
  readonly keyForm: NonNullable<NewObject['keyForm']>
  /** May a digest of the material be kept beside it (`keepsDigest`)? */
  readonly keepsDigest: boolean
  /** The object that it takes the place of. */
  readonly replaced: ManagedObject | undefined
}

/**
 * The object of an Import (KMIP 1.4 section 4.41), before its material is sealed: every attribute as it was sent, whoever sets it otherwise. What
 * the server knows better is only compared: what the object is, and what its material says of itself.
 * @throws KryptonError invalid-field, index-out-of-bounds
 */
export function importedObject(imported: ImportedObject): ManagedObject {
  const { objectType, replaced, now } = imported
  const attributes = new Attributes()
  setImported(attributes, imported)
  const state = attributes.first('state') ?? State.PreActive
  checkState(state, imported)
  const fields = {
    id: imported.id,
    sequence: imported.sequence,
    objectType,
    archived: false,
    state,
    activationDate: undefined,
    deactivationDate: undefined,
    algorithm: imported.algorithm,
    lengthBits: imported.lengthBits,
    keyFormatType: imported.keyFormatType,
    keyForm: imported.keyForm,
    dataType: imported.dataType,
    keyVersion: 0,
    // The record is bound to it: that of the replaced object opens in no other place.
    blobVersion: (replaced?.fields.blobVersion ?? 0) + 1,
    record: new Uint8Array(0),
    rowVersion: 0,
  }
  for (const name of ['initialDate', 'lastChangeDate'] as const) if (!attributes.has(name)) attributes.set(name, now)
  if (hasState(objectType) && !attributes.has('cryptographicUsageMask')) attributes.set('cryptographicUsageMask', 0)
  if (hasLeaseTime(objectType)) attributes.set('leaseTime', limits.leaseSeconds)
  // It comes on-line.
  attributes.remove('archiveDate')
  setDigest(attributes, imported)
  for (const [name, value] of Object.entries(imported.implied ?? {})) {
    if (value === undefined) continue
    attributes.remove(name)
    attributes.putValue(name, 0, value)
  }
  if (imported.keyValuePresent) attributes.remove('keyValuePresent')
  else attributes.set('keyValuePresent', false)
  setProtection(attributes)
  checkDates(attributes)
  checkLinks(attributes)
  const object = new ManagedObject(fields, attributes, { structure: imported.structure })
  attributes.set('uniqueIdentifier', object.uniqueIdentifier)
  attributes.set('objectType', objectType)
  if (imported.algorithm !== 0) attributes.set('cryptographicAlgorithm', imported.algorithm)
  else attributes.remove('cryptographicAlgorithm')
  if (imported.lengthBits !== 0) attributes.set('cryptographicLength', imported.lengthBits)
  else attributes.remove('cryptographicLength')
  const made = object.with({}, attributes)
  checkAttributesSize(made)
  return made
}

/** Instances keep their index: an exported object comes back the same. */
function setImported(attributes: Attributes, { objectType, requested }: ImportedObject): void {
  if (requested.length > limits.attributeInstancesMax) throw tooMany()
  for (const { name, attributeName, index, value } of requested) {
    refuseOperators(name, attributeName)
    const definition = attributeDefinition(name)
    if (definition !== undefined && !appliesTo(name, objectType)) {
      throw new KryptonError('invalid-field', `Leave out ${attributeName}: an object of this type has none`)
    }
    if (attributes.has(name, index) && (index !== undefined || definition?.multiple === false)) {
      throw new KryptonError('invalid-field', `Send ${attributeName} once, or each with an Attribute Index of its own`)
    }
    const kept = name === 'usageLimits' ? importedUsageLimits(value) : checkedValue(name, value)
    if (index === undefined) attributes.addValue(name, kept)
    else attributes.putValue(name, index, kept)
  }
}

/** What was used of them stays used. */
function importedUsageLimits(value: unknown): AttributeValues['usageLimits'] {
  const usageLimits = value as AttributeValues['usageLimits'] // it was read under this name
  const { usageLimitsTotal, usageLimitsCount = usageLimitsTotal } = usageLimits
  if (usageLimitsTotal >= 0n && usageLimitsCount >= 0n && usageLimitsCount <= usageLimitsTotal) {
    return { ...usageLimits, usageLimitsCount }
  }
  throw new KryptonError('invalid-field', 'Send Usage Limits with a Count of 0 to its Total')
}

function checkState(state: number, { keyValuePresent, keyForm }: ImportedObject): asserts state is State {
  if (!enumTables.State.has(state)) throw new KryptonError('invalid-field', 'Send a State that there is')
  if (!isDestroyed(state as State) || (!keyValuePresent && keyForm === 0)) return // it was found in the table
  throw new KryptonError('invalid-field', 'Leave out the key material: the State says that it is destroyed')
}

/** Ours stands first, where there is one; others that were sent are kept beside it. */
function setDigest(attributes: Attributes, { digest, keyFormatType, keepsDigest }: ImportedObject): void {
  const sent = attributes.all('digest').map(({ value }) => value)
  if (!keepsDigest) attributes.remove('digest')
  if (digest === undefined) return
  const own = digestAttribute(keyFormatType, digest)
  attributes.set('digest', own)
  for (const other of sent) {
    const isOwn = other.hashingAlgorithm === HashingAlgorithm.SHA256 && (other.keyFormatType ?? 0) === keyFormatType
    if (!isOwn) attributes.add('digest', other)
    else if (other.digestValue !== undefined && Buffer.compare(other.digestValue, digest) !== 0) {
      throw new KryptonError('invalid-field', 'Send the Digest of the key material, or none: this is of another')
    }
  }
}

/** Of an object that is not known from its beginning only its client can say that it was always so. */
function setProtection(attributes: Attributes): void {
  const sensitive = attributes.first('sensitive') ?? false
  const extractable = attributes.first('extractable') ?? true
  const alwaysSensitive = attributes.first('alwaysSensitive') ?? false
  const neverExtractable = attributes.first('neverExtractable') ?? false
  if ((alwaysSensitive && !sensitive) || (neverExtractable && extractable)) {
    throw new KryptonError(
      'invalid-field',
      'Send Always Sensitive only with Sensitive, and Never Extractable only without Extractable',
    )
  }
  attributes.set('sensitive', sensitive)
  attributes.set('alwaysSensitive', alwaysSensitive)
  attributes.set('extractable', extractable)
  attributes.set('neverExtractable', neverExtractable)
}

/**
 * What the request says of the object itself is the object's own.
 * @throws KryptonError invalid-field
 */
export function checkOwnAttributes(
  requested: readonly WireAttribute[],
  own: { readonly uniqueIdentifier: string; readonly objectType: number },
): void {
  for (const { name, attributeName, value } of requested) {
    if ((name === 'uniqueIdentifier' || name === 'objectType') && value !== own[name]) {
      throw new KryptonError(
        'invalid-field',
        `Send the ${attributeName} of the object, or leave it out: this is another`,
      )
    }
  }
}
