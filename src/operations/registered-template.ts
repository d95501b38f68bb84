import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import { encodeTemplate } from '../kmip/kept-structures.ts'
import type { Template } from '../kmip/object.ts'
import { checkTemplate } from '../objects/attributes.ts'
import type { Registered } from './registered.ts'

/**
 * A Template of a Register (KMIP 1.4 section 2.2.6). Its attributes are those of the objects that are made by it, but for a Name, which is its own: one
 * that no request could name would be of no use.
 * @throws KryptonError missing-data, and those of attributes that a client does not set
 */
export function registeredTemplate({ attributes }: Template, requested: readonly WireAttribute[]): Registered {
  const own = [...requested, ...attributes.filter(({ name }) => name === 'name')]
  if (!own.some(({ name }) => name === 'name')) throw new KryptonError('missing-data', 'Send the Name of the Template')
  const forOthers = attributes.filter(({ name }) => name !== 'name')
  checkTemplate(forOthers)
  return {
    objectType: ObjectType.Template,
    requested: own,
    algorithm: 0,
    lengthBits: 0,
    keyFormatType: 0,
    dataType: 0,
    material: undefined,
    structure: encodeTemplate({ attributes: forOthers }),
  }
}
