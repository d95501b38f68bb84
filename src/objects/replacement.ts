import { KryptonError } from '../errors.ts'
import { attributeDefinition } from '../kmip/attribute.ts'
import type { Attributes } from '../kmip/attribute.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { LinkType } from '../kmip/enums.ts'
import type { ManagedObject } from './managed-object.ts'
import { isDestroyed } from './state.ts'

/** What a key that replaces another takes over from it, and what becomes of the other (KMIP 1.4 sections 4.4 and 4.5). */

/** @throws KryptonError permission-denied, key-value-not-present: the key cannot be replaced */
export function checkReplaceable(object: ManagedObject, now: number): void {
  if (isDestroyed(object.stateAt(now))) {
    throw new KryptonError('permission-denied', 'The key is destroyed: it cannot be replaced')
  }
  // 3.35: there is only one replacement object of an object.
  if (object.attributes.all('link').some(({ value }) => value.linkType === LinkType.ReplacementObjectLink)) {
    throw new KryptonError('permission-denied', 'The key was replaced already: re-key its replacement')
  }
  if (object.fields.record.byteLength > 0) return
  throw new KryptonError(
    'key-value-not-present',
    'The key was registered without its Key Value: it cannot be replaced here',
  )
}

/**
 * The attributes of a replacement: those of the request, and those of the replaced object of which the request says nothing; with an offset the
 * dates are moved (Table 176).
 * @throws KryptonError invalid-message, illegal-operation, invalid-field
 */
export function replacementAttributes(
  object: ManagedObject,
  requested: readonly WireAttribute[],
  { offset, now }: { readonly offset: number | undefined; readonly now: number },
): readonly WireAttribute[] {
  const { attributes } = object
  const taken: WireAttribute[] = []
  const isAsked = (name: string): boolean => requested.some((attribute) => attribute.name === name)
  for (const name of attributes.names()) {
    if (notCopied.has(name) || (attributeDefinition(name)?.multiple === false && isAsked(name))) continue
    for (const { value } of attributes.instances(name)) taken.push(wireAttribute(name, undefined, value))
  }
  // after those of the old key, whose instances keep their places
  taken.push(...requested)
  if (offset === undefined) return taken
  if (requested.some(({ name }) => dates.has(name))) {
    throw new KryptonError('invalid-message', 'Leave out Offset, or the dates of the new key')
  }
  return [...taken.filter(({ name }) => !dates.has(name)), ...movedDates(attributes, now + offset)]
}

function movedDates(attributes: Attributes, activationDate: number): WireAttribute[] {
  const before = attributes.first('activationDate')
  const moved = [wireAttribute('activationDate', undefined, activationDate)]
  for (const name of ['processStartDate', 'protectStopDate', 'deactivationDate'] as const) {
    const date = attributes.first(name)
    if (date === undefined) continue
    if (before === undefined || before === never) {
      throw new KryptonError(
        'illegal-operation',
        'Leave out Offset: the key has no Activation Date to count its dates from',
      )
    }
    moved.push(wireAttribute(name, undefined, date === never ? never : movedDate(date, activationDate - before)))
  }
  return moved
}

function movedDate(date: number, by: number): number {
  if (Number.isSafeInteger(date + by) && date + by < never) return date + by
  throw new KryptonError(
    'invalid-field',
    'Leave out Offset, or send one that moves the dates of the key to ones that there are',
  )
}

/** The largest Date-Time (4.9). */
const never = Number.MAX_SAFE_INTEGER

/** The attributes of an object that was replaced: its Names have gone to its replacement, to which it has a Link. */
export function replacedAttributes({ attributes }: ManagedObject, replacement: string): Attributes {
  const changed = attributes.clone()
  changed.remove('name')
  changed.add('link', { linkType: LinkType.ReplacementObjectLink, linkedObjectIdentifier: replacement })
  return changed
}

const dates: ReadonlySet<string> = new Set([
  'activationDate',
  'processStartDate',
  'protectStopDate',
  'deactivationDate',
])

/** Tables 173 and 177, what the server sets for every new object, and where the old key was kept. */
const notCopied: ReadonlySet<string> = new Set([
  'uniqueIdentifier',
  'objectType',
  'cryptographicAlgorithm',
  'cryptographicLength',
  'digest',
  'leaseTime',
  'state',
  'initialDate',
  'destroyDate',
  'compromiseOccurrenceDate',
  'compromiseDate',
  'revocationReason',
  'archiveDate',
  'fresh',
  'link',
  'lastChangeDate',
  'keyValuePresent',
  'keyValueLocation',
  'originalCreationDate',
  'randomNumberGenerator',
  'alwaysSensitive',
  'neverExtractable',
])
