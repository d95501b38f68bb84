import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { search } from '../keystore/search.ts'
import { attributeDefinition } from '../kmip/attribute.ts'
import { TemplateAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType, State } from '../kmip/enums.ts'
import { decodeTemplate } from '../kmip/kept-structures.ts'
import type { Struct } from '../kmip/struct.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'
import type { AnyHandler } from './index.ts'

/**
 * The handler of an operation that makes objects, behind a look at the templates that its request names (KMIP 1.4 section 2.1.8): it is given a
 * request that names none, with their attributes in it. The handler itself, when no field of the request has names.
 */
export function withTemplates(request: Struct<unknown>, handler: AnyHandler): AnyHandler {
  const fields = request.description.fields.filter(({ kind }) => kind === TemplateAttribute).map(({ key }) => key)
  if (fields.length === 0) return handler
  return (payload: Payload, context) => {
    const named = fields.filter((field) => (payload[field]?.names.length ?? 0) > 0)
    if (named.length === 0) return handler(payload as never, context)
    return next(resolved(payload, named, context), (whole) => handler(whole as never, context))
  }
}

type Payload = Readonly<Record<string, TemplateAttribute | undefined>>

function resolved(
  payload: Payload,
  [field, ...others]: readonly string[],
  context: OperationContext,
): MaybePromise<Payload> {
  if (field === undefined) return payload
  const { names, attributes } = payload[field]!
  if (names.length > limits.templatesMax) {
    throw new KryptonError('invalid-field', `Name at most ${limits.templatesMax} templates`)
  }
  const nameValues = names.map(({ nameValue }) => nameValue)
  return next(attributesOfTemplates(nameValues, context), (fromTemplates) =>
    resolved({ ...payload, [field]: { names: [], attributes: united(fromTemplates, attributes) } }, others, context),
  )
}

/** What the request says itself stands after the templates, and in place of what an object has but once. */
function united(fromTemplates: readonly WireAttribute[], own: readonly WireAttribute[]): readonly WireAttribute[] {
  const isOwn = (name: string) => attributeDefinition(name)?.multiple === false && own.some((one) => one.name === name)
  return [...fromTemplates.filter(({ name }) => !isOwn(name)), ...own]
}

function attributesOfTemplates(
  [nameValue, ...others]: readonly string[],
  context: OperationContext,
): MaybePromise<readonly WireAttribute[]> {
  if (nameValue === undefined) return []
  return next(templateNamed(nameValue, context), (template) => {
    const { attributes } = decodeTemplate(template.structure!) // each has one
    return next(attributesOfTemplates(others, context), (more) => [...attributes, ...more])
  })
}

/** @throws KryptonError item-not-found, object-archived (11.2) */
function templateNamed(nameValue: string, { unit, now }: OperationContext): MaybePromise<ManagedObject> {
  const found = search(unit, {
    values: [{ attribute: 'name', bytes: Buffer.from(nameValue, 'utf8') }],
    objectType: ObjectType.Template,
    states: [State.PreActive],
    onLine: true,
    archival: true,
    matches: ({ fields, attributes }) =>
      fields.objectType === ObjectType.Template &&
      fields.state === State.PreActive &&
      attributes.all('name').some(({ value }) => value.nameValue === nameValue),
    exact: false,
    now,
    offset: 0,
    limit: 1,
    count: false,
  })
  return next(found, ({ objects: [template] }) => {
    if (template === undefined) {
      throw new KryptonError('item-not-found', 'Name a Template of this service: there is none of this Name')
    }
    return unit.get(template.uniqueIdentifier)
  })
}
