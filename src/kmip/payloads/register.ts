import { KryptonError } from '../../errors.ts'
import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { enumeration, text } from '../kinds.ts'
import { objectFields, objectsIn } from '../object.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.3. Exactly one of the object fields is there; whether it is the one of Object Type is the handler's to say (11.4). */
export const RegisterRequest = struct(
  'Register',
  {
    objectType: required(Tag.ObjectType, enumeration('ObjectType')),
    templateAttribute: required(Tag.TemplateAttribute, TemplateAttribute),
    ...objectFields,
  },
  {
    missing: 'missing-data',
    finish: (request) => {
      const objects = objectsIn(request)
      if (objects.length === 0) throw new KryptonError('missing-data', 'Send the object to register')
      if (objects.length > 1) throw new KryptonError('invalid-message', 'Send one object in a Register')
      return request
    },
  },
)
export type RegisterRequest = ValueOf<typeof RegisterRequest>

export const RegisterResponse = struct('Register', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type RegisterResponse = ValueOf<typeof RegisterResponse>
