import { KryptonError } from '../errors.ts'
import { attributeDefinition } from '../kmip/attribute.ts'
import type { Attributes, AttributeValues } from '../kmip/attribute.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { dateTime } from '../kmip/kinds.ts'

/** Does an object have these attributes? */
export type Matcher = (attributes: Attributes) => boolean

/**
 * The filters of a Locate as one question to an object's attributes (KMIP 1.4 section 4.9). All must hold, and an attribute that the object
 * does not have never matches. Text matches exactly. Two dates of one name are a range with its ends; a mask asks for its
 * bits; a structure for the fields that it gives; Usage Limits for at least as much.
 * @throws KryptonError invalid-field: a date is given more than twice, or a structure without a field
 */
export function matcherOf(filters: readonly WireAttribute[]): Matcher {
  const questions: Matcher[] = []
  const dates = new Map<string, number[]>()
  for (const { name, attributeName, value } of filters) {
    if (saysNothing(value)) {
      throw new KryptonError('invalid-field', `Send a value in ${attributeName}, or leave it out: it asks for nothing`)
    }
    if (attributeDefinition(name)?.kind === dateTime) {
      const date = value as number // the kind has just told
      const given = dates.get(name)
      if (given === undefined) dates.set(name, [date])
      else given.push(date)
    } else {
      questions.push(questionOf(name, value))
    }
  }
  for (const [name, given] of dates) questions.push(dateQuestion(name, given))
  return (attributes) => questions.every((question) => question(attributes))
}

function questionOf(name: string, value: unknown): Matcher {
  if (name === 'cryptographicUsageMask') {
    const mask = value as number // it was read under this name
    return (attributes) => {
      const own = attributes.first('cryptographicUsageMask')
      return own !== undefined && (own & mask) === mask
    }
  }
  if (name === 'usageLimits') return usageLimitsQuestion(value as Partial<AttributeValues['usageLimits']>) // as above
  return (attributes) => attributes.instances(name).some((instance) => contains(instance.value, value))
}

function dateQuestion(name: string, given: readonly number[]): Matcher {
  if (given.length > 2) throw new KryptonError('invalid-field', 'Send a date once, or twice for a range')
  // The largest date means that the attribute is not there (4.9).
  if (given.length === 1 && given[0] === dateMax) return (attributes) => !attributes.has(name)
  const from = Math.min(...given)
  const to = Math.max(...given)
  return (attributes) =>
    attributes.instances(name).some(({ value }) => typeof value === 'number' && value >= from && value <= to)
}

function usageLimitsQuestion(wanted: Partial<AttributeValues['usageLimits']>): Matcher {
  return (attributes) => {
    const own = attributes.first('usageLimits')
    if (own === undefined) return false
    const { usageLimitsTotal, usageLimitsCount, usageLimitsUnit } = wanted
    return (
      (usageLimitsTotal === undefined || own.usageLimitsTotal >= usageLimitsTotal) &&
      (usageLimitsCount === undefined || (own.usageLimitsCount ?? 0n) >= usageLimitsCount) &&
      (usageLimitsUnit === undefined || own.usageLimitsUnit === usageLimitsUnit)
    )
  }
}

/** True if `own` is `wanted`, or a structure that has every field that `wanted` gives. */
function contains(own: unknown, wanted: unknown): boolean {
  if (own === wanted || wanted === undefined) return true
  if (own instanceof Uint8Array || wanted instanceof Uint8Array) {
    return own instanceof Uint8Array && wanted instanceof Uint8Array && Buffer.compare(own, wanted) === 0
  }
  if (typeof own !== 'object' || typeof wanted !== 'object' || own === null || wanted === null) return false
  return Object.entries(wanted).every(([field, value]) => contains(own[field as keyof typeof own], value))
}

/** True for a structure without a field, which every structure contains. */
function saysNothing(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value === undefined
  return Object.values(value).every(saysNothing)
}

/** How the codec reads the largest Date-Time. */
const dateMax = Number.MAX_SAFE_INTEGER
