import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import { encodeTemplate } from '../kmip/kept-structures.ts'
import type { Template } from '../kmip/object.ts'
import { checkTemplate } from '../objects/attributes.ts'
import type { KmipVersion } from '../kmip/version.ts'
import type { Registered } from './registered.ts'

/**
 * A Template of a Register (KMIP 1.4 section 2.2.6). Its attributes are those of the objects that are made by it. Its own Name stands in the
 * Template-Attribute; clients of 1.0 and 1.1 may send it among them, which later versions refuse (11.4). One that no request could name would be of no use.
 * @throws KryptonError missing-data, invalid-field, and those of attributes that a client does not set
 */
export function registeredTemplate(
  { attributes }: Template,
  requested: readonly WireAttribute[],
  version: KmipVersion,
): Registered {
  if (version >= 12 && attributes.some(({ name }) => name === 'name')) {
    throw new KryptonError(
      'invalid-field',
      'Send the Name of the Template in the Template-Attribute, not in the Template',
    )
  }
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
