import { KryptonError } from '../errors.ts'
import { attributeByWireName, attributeDefinition, Attributes, isCustomName } from '../kmip/attribute.ts'
import type { AttributeName, AttributeValues } from '../kmip/attribute.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { hasSubStructure } from '../kmip/custom-value.ts'
import type { CustomValue } from '../kmip/custom-value.ts'
import { LinkType, ObjectType, State } from '../kmip/enums.ts'
import { isKnown } from '../kmip/known-values.ts'
import type { DeleteAttributeRequest } from '../kmip/payloads/delete-attribute.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { limits } from '../limits.ts'
import { certificateAuthorityAttribute, checkNotAuthority } from './certificate-issuing.ts'
import type { ManagedObject } from './managed-object.ts'
import { isDestroyed, stateName } from './state.ts'

/**
 * What a client may do to attributes (KMIP 1.4 section 3, the tables of rules). Custom attributes may be of any type; names that start
 * with y- are taken from clients too: real ones send them. One of them is the operator's alone (`certificate-issuing.ts`).
 */

/** An attribute that was added, changed or taken away, and all attributes after that. */
export interface AttributeChange {
  readonly attributes: Attributes
  readonly name: string
  readonly index: number
  readonly value: unknown
}

/**
 * Puts the attributes of a request that makes an object into `attributes`, in which those that the server sets are put later.
 * @throws KryptonError invalid-field, index-out-of-bounds, application-namespace-not-supported
 */
export function setRequested(
  attributes: Attributes,
  objectType: ObjectType,
  requested: readonly WireAttribute[],
): void {
  let instances = 0
  for (const { name, attributeName, value } of requested) {
    refuseOperators(name, attributeName)
    const definition = attributeDefinition(name)
    if (definition !== undefined) {
      if (name === 'objectType' && value === objectType) continue
      if (!isSettable(name) || !appliesTo(name, objectType)) {
        throw new KryptonError('invalid-field', `Leave out ${attributeName}: a client does not set it for this object`)
      }
      if (!definition.multiple && attributes.has(name)) {
        throw new KryptonError('invalid-field', `Send ${attributeName} once: an object has one`)
      }
    }
    if (++instances > limits.attributeInstancesMax) throw tooMany()
    attributes.addValue(name, checkedValue(name, value))
  }
  checkDates(attributes)
  checkLinks(attributes)
}

/**
 * Can objects be made with these attributes? Whether an object may have them shows when one is made.
 * @throws KryptonError invalid-field, index-out-of-bounds, application-namespace-not-supported
 */
export function checkTemplate(attributes: readonly WireAttribute[]): void {
  for (const { name, attributeName, value } of attributes) {
    if (!isSettable(name)) throw new KryptonError('invalid-field', `Leave out ${attributeName}: no client sets it`)
    checkedValue(name, value)
  }
  if (attributes.length > limits.attributeInstancesMax) throw tooMany()
}

/** Add Attribute (4.14). @throws KryptonError with the reasons of section 11.15 */
export function addAttribute(object: ManagedObject, attribute: WireAttribute, now: number): AttributeChange {
  const { name, attributeName, index, value } = attribute
  checkNotDestroyed(object, now)
  checkNotAuthority(object)
  if (index !== undefined) {
    throw new KryptonError('invalid-field', 'Leave out Attribute Index: the server gives a new attribute its index')
  }
  const definition = attributeDefinition(name)
  if (
    isOperators(name) ||
    (definition !== undefined && (!isAddable(name) || !appliesTo(name, object.fields.objectType)))
  ) {
    throw readOnly(attributeName)
  }
  const attributes = object.attributes.clone()
  if (definition?.multiple === false && attributes.has(name)) {
    throw new KryptonError(
      'illegal-operation',
      definition.modifiableByClient
        ? `Use Modify Attribute to change ${attributeName}: the object has one already`
        : `Leave ${attributeName} as it is: the object has one already, and no client changes it`,
    )
  }
  checkState(object, name, attributeName, now)
  if (countInstances(attributes) >= limits.attributeInstancesMax) throw tooMany()
  const checked = checkedValue(name, value)
  const at = attributes.addValue(name, checked)
  follow(attributes, name)
  checkDates(attributes)
  checkLinks(attributes)
  return { attributes, name, index: at, value: checked }
}

/** Modify Attribute (4.15). @throws KryptonError with the reasons of section 11.16 */
export function modifyAttribute(object: ManagedObject, attribute: WireAttribute, now: number): AttributeChange {
  const { name, attributeName, index = 0, value } = attribute
  checkNotDestroyed(object, now)
  checkNotAuthority(object)
  if (isOperators(name) || attributeDefinition(name)?.modifiableByClient === false) throw readOnly(attributeName)
  const attributes = object.attributes.clone()
  if (!attributes.has(name)) {
    throw new KryptonError('invalid-field', `Add ${attributeName} first: the object has none`)
  }
  if (!attributes.has(name, index)) throw noInstance(attributeName, index)
  checkState(object, name, attributeName, now)
  if (name === 'usageLimits') checkUnused(attributes)
  const checked = checkedValue(name, value)
  attributes.putValue(name, index, checked)
  follow(attributes, name)
  checkDates(attributes)
  checkLinks(attributes)
  return { attributes, name, index, value: checked }
}

/**
 * Delete Attribute (4.16). Without an index the first instance goes; KMIP 1.0 has none go then where there are several.
 * @throws KryptonError with the reasons of section 11.17
 */
export function deleteAttribute(
  object: ManagedObject,
  { attributeName, attributeIndex: index }: DeleteAttributeRequest,
  { now, version }: { readonly now: number; readonly version: KmipVersion },
): AttributeChange {
  checkNotDestroyed(object, now)
  checkNotAuthority(object)
  const name = attributeByWireName(attributeName) ?? attributeName
  const definition = attributeDefinition(name)
  if (definition === undefined && !isCustomName(attributeName)) {
    throw new KryptonError('item-not-found', 'Name an attribute of the object: there is none of this name')
  }
  if (isOperators(name) || definition?.deletableByClient === false) throw readOnly(attributeName)
  const at = index ?? 0
  const attributes = object.attributes.clone()
  const instances = attributes.instances(name)
  if (version === 10 && index === undefined && instances.length > 1) {
    throw new KryptonError(
      'invalid-field',
      `Send an Attribute Index: the object has several of ${shown(attributeName)}`,
    )
  }
  const instance = instances.find((candidate) => candidate.index === at)
  if (instance === undefined) throw noInstance(attributeName, at)
  if (name === 'usageLimits') checkUnused(attributes)
  attributes.remove(name, at)
  return { attributes, name, index: at, value: instance.value }
}

/**
 * Attributes are stored, authenticated and answered all at once: together they have a bound. What does not grow is let through.
 * @throws KryptonError invalid-field
 */
export function checkAttributesSize(after: ManagedObject, before?: ManagedObject): void {
  const bytes = after.encodedAttributes.byteLength
  if (bytes <= limits.attributesBytesMax || bytes <= (before?.encodedAttributes.byteLength ?? 0)) return
  throw new KryptonError(
    'invalid-field',
    `Send fewer or shorter attributes: all of an object's may take ${limits.attributesBytesMax} bytes, not ${bytes}`,
  )
}

/** Refuses to make an object with what an operator decides. @throws KryptonError invalid-field */
export function refuseOperators(name: string, attributeName: string): void {
  if (!isOperators(name)) return
  throw new KryptonError('invalid-field', `Leave out ${attributeName}: it is the operator's to set`)
}

/** Says what an operator has decided: no client sets it. */
function isOperators(name: string): boolean {
  return name === certificateAuthorityAttribute
}

/** Set by the server in general, and yet sent by clients with what they make: the length of the key they want, for example. */
const settableThough: ReadonlySet<string> = new Set(['cryptographicAlgorithm', 'cryptographicLength'])

function isSettable(name: string): boolean {
  return attributeDefinition(name)?.setBy !== 'server' || settableThough.has(name)
}

function isAddable(name: string): boolean {
  // Fresh is the server's to keep once the object is there, and so is the mask (3.19, 3.34).
  return attributeDefinition(name)?.setBy !== 'server' && name !== 'fresh'
}

/**
 * "Applies to Object Types". What a Template says of other objects is in its structure: of attributes of its own it has those of every object, and
 * a Lease Time, as the OASIS case TC-312 has it.
 */
export function appliesTo(name: string, objectType: ObjectType): boolean {
  const applies = attributeDefinition(name)?.appliesTo
  if (applies === undefined) return true // a custom name is not in the table
  if (!applies.includes(objectType)) return false
  return objectType !== ObjectType.Template || applies.includes(ObjectType.OpaqueObject) || name === 'leaseTime'
}

/** The states in which dates may still be set (3.24 to 3.27). */
const changeableIn: Readonly<Partial<Record<AttributeName, readonly State[]>>> = {
  activationDate: [State.PreActive],
  processStartDate: [State.PreActive, State.Active],
  protectStopDate: [State.PreActive, State.Active],
  deactivationDate: [State.PreActive, State.Active],
}

function checkState(object: ManagedObject, name: string, attributeName: string, now: number): void {
  const states = changeableIn[name as AttributeName] // as above
  if (states === undefined) return
  const state = object.stateAt(now)
  if (!states.includes(state)) {
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      `${attributeName} can be set only while the object is ${states.map(stateName).join(' or ')}: it is ${stateName(state)}`,
    )
  }
  if (name !== 'processStartDate' && name !== 'protectStopDate') return
  const date = object.attributes.first(name)
  if (date !== undefined && date <= now) {
    throw new KryptonError('permission-denied', `${attributeName} has passed: it can no longer be changed`)
  }
}

function checkNotDestroyed(object: ManagedObject, now: number): void {
  const state = object.stateAt(now)
  if (!isDestroyed(state)) return
  throw new KryptonError('wrong-key-lifecycle-state', `The object is ${stateName(state)}: its attributes are final`)
}

/** Puts a value into the form that is kept. @throws KryptonError invalid-field, application-namespace-not-supported */
export function checkedValue(name: string, value: unknown): unknown {
  const definition = attributeDefinition(name)
  if (definition === undefined) {
    checkCustomValue(value as CustomValue) // it was read under no name of the table
    return value
  }
  if (!isKnown(definition.kind, value)) {
    throw new KryptonError(
      'invalid-field',
      `Send in ${definition.attributeName} a value of the specification, or of its extensions: 80000000 or more`,
    )
  }
  if (name === 'usageLimits') {
    const usageLimits = value as AttributeValues['usageLimits'] // it was read under this name
    if (usageLimits.usageLimitsTotal < 0n) {
      throw new KryptonError('invalid-field', 'Send a Usage Limits Total of 0 or more')
    }
    // The count is the server's: it starts at the total (3.21).
    return { ...usageLimits, usageLimitsCount: usageLimits.usageLimitsTotal }
  }
  if (name === 'applicationSpecificInformation') {
    const information = value as AttributeValues['applicationSpecificInformation'] // as above
    if (information.applicationData === undefined) {
      throw new KryptonError(
        'application-namespace-not-supported',
        'Send Application Data: the server makes none for any Application Namespace',
      )
    }
  }
  return value
}

function checkCustomValue(value: CustomValue): void {
  if (!hasSubStructure(value)) return
  throw new KryptonError(
    'invalid-field',
    'Send no Structure within the Structure of a custom attribute, or the whole as a Byte String (KMIP 1.4, 3.39)',
  )
}

/** What the server sets because of what a client set (3.49, 3.51). */
function follow(attributes: Attributes, name: string): void {
  if (name === 'sensitive') {
    attributes.set(
      'alwaysSensitive',
      attributes.first('alwaysSensitive') === true && attributes.first('sensitive') === true,
    )
  } else if (name === 'extractable') {
    attributes.set(
      'neverExtractable',
      attributes.first('neverExtractable') === true && attributes.first('extractable') === false,
    )
  }
}

/** Dates that exclude each other (3.25, 3.26). @throws KryptonError invalid-field */
export function checkDates(attributes: Attributes): void {
  const { activationDate, processStartDate, protectStopDate, deactivationDate } = {
    activationDate: attributes.first('activationDate'),
    processStartDate: attributes.first('processStartDate'),
    protectStopDate: attributes.first('protectStopDate'),
    deactivationDate: attributes.first('deactivationDate'),
  }
  if (isAfter(activationDate, processStartDate)) throw wrongOrder('Process Start Date', 'before Activation Date')
  if (isAfter(protectStopDate, deactivationDate)) throw wrongOrder('Protect Stop Date', 'after Deactivation Date')
  if (isAfter(activationDate, deactivationDate)) throw wrongOrder('Deactivation Date', 'before Activation Date')
}

/** An object has one replacement at most (3.35). @throws KryptonError invalid-field */
export function checkLinks(attributes: Attributes): void {
  const links = attributes.all('link').filter(({ value }) => value.linkType === LinkType.ReplacementObjectLink)
  if (links.length <= 1) return
  throw new KryptonError('invalid-field', 'Leave out the Replacement Object Link: the object has one, and no more')
}

function isAfter(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a > b
}

function wrongOrder(name: string, where: string): KryptonError {
  return new KryptonError('invalid-field', `Send another ${name}: it may not be ${where}`)
}

function checkUnused(attributes: Attributes): void {
  const { usageLimitsTotal, usageLimitsCount } = attributes.first('usageLimits')!
  if (usageLimitsCount === usageLimitsTotal) return
  throw new KryptonError('permission-denied', 'Usage Limits are final: some of them has been used already')
}

function countInstances(attributes: Attributes): number {
  let count = 0
  for (const name of attributes.names()) count += attributes.instances(name).length
  return count
}

function readOnly(attributeName: string): KryptonError {
  return new KryptonError('permission-denied', `${shown(attributeName)} is not a client's to set here`)
}

function noInstance(attributeName: string, index: number): KryptonError {
  return new KryptonError(
    'item-not-found',
    `Name an attribute of the object: it has no ${shown(attributeName)} with index ${index}`,
  )
}

/** An object has more attributes than are kept. */
export function tooMany(): KryptonError {
  return new KryptonError('index-out-of-bounds', `An object has at most ${limits.attributeInstancesMax} attributes`)
}

/** A client's own text in a message: short, so that it cannot fill a log. */
function shown(attributeName: string): string {
  return JSON.stringify(attributeName.slice(0, 64))
}
