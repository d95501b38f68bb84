import type { NewRole, Role as RoleView } from './admin/services.ts'
import { rulesOfBuiltIn } from './auth/roles.ts'
import { nearest } from './config/refusal.ts'
import { KryptonError } from './errors.ts'
import { enumTables } from './kmip/enums.ts'
import { handlerOf } from './operations/index.ts'
import type { Role, RoleRule } from './tenants/role.ts'
import type { RoleName } from './tenants/roles.ts'

/** A role by its name, one of every tenant's or a tenant's own. */
export function roleNamed(name: string): RoleName {
  return { name, builtIn: rulesOfBuiltIn(name) !== undefined }
}

/** A rule by the specification's names; a role that every tenant has stands for its operations. Throws 'invalid-field' for a name that is none. */
export function ruleOf({ operations, objectTypes, objectGroups }: NewRole['rules'][number]): RoleRule {
  return {
    operations: new Set(
      operations.flatMap((name) => [...(rulesOfBuiltIn(name)?.[0]?.operations ?? [operationNamed(name)])]),
    ),
    objectTypes: objectTypes && new Set(objectTypes.map(objectTypeNamed)),
    objectGroups: objectGroups && new Set(objectGroups),
  }
}

function objectTypeNamed(name: string): number {
  for (const [objectType, entry] of enumTables.ObjectType) if (plain(entry.name) === plain(name)) return objectType
  const names = [...enumTables.ObjectType.values()].map((entry) => entry.name)
  throw new KryptonError(
    'invalid-field',
    `there is no Object Type ${name.slice(0, 40)}: name some of ${names.join(', ')}`,
  )
}

/** A role as an administrator sees it, by the specification's names. */
export function roleView({ name, rules }: Role, builtIn = false): RoleView {
  return {
    name,
    builtIn,
    rules: rules.map(({ operations, objectTypes, objectGroups }) => ({
      operations: [...operations].map(operationName),
      objectTypes: objectTypes && [...objectTypes].map((type) => enumTables.ObjectType.get(type)?.name ?? String(type)),
      objectGroups: objectGroups && [...objectGroups],
    })),
  }
}

/** The specification's name of a KMIP operation. */
export function operationName(operation: number): string {
  return enumTables.Operation.get(operation)?.name ?? String(operation)
}

/** The number of an operation that is served, by its name in any case, with or without spaces and hyphens. Throws 'invalid-field' with what is near. */
export function operationNamed(name: string): number {
  const wanted = plain(name)
  const served = [...enumTables.Operation].filter(([operation]) => handlerOf(operation) !== undefined)
  for (const [operation, entry] of served) if (plain(entry.name) === wanted) return operation
  const asked = name.slice(0, 40)
  const known = [...enumTables.Operation.values()].some((entry) => plain(entry.name) === wanted)
  const names = new Map(served.map(([, entry]) => [plain(entry.name), entry.name]))
  const near = known ? undefined : nearest(wanted, [...names.keys()])
  throw new KryptonError(
    'invalid-field',
    `${known ? `${asked} is not served` : `there is no KMIP operation ${asked}`}${near === undefined ? '' : `, did you mean ${names.get(near)}?`}: name some of ${[...names.values()].join(', ')}`,
  )
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')
