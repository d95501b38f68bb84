import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Checks the name of a tenant, system, service, client or role: it stands in commands, paths and logs as it is. Throws 'invalid-field'. */
export function checkName(kind: 'tenant' | 'system' | 'service' | 'client' | 'role', name: string): void {
  if (name.length <= limits.nameCharactersMax && namePattern.test(name)) return
  throw new KryptonError(
    'invalid-field',
    `name a ${kind} with 1 to ${limits.nameCharactersMax} letters, digits, '.', '_' and '-', beginning with a letter or digit`,
  )
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
