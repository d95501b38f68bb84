import { KryptonError } from '../errors.ts'
import type { ExternalKeyProvider } from './external-key.ts'
import { openbao } from './openbao.ts'
import { staticLink } from './static-link.ts'

/** The kinds of outside keys that a tenant can link as its L1. */
export const externalKeyProviders: readonly ExternalKeyProvider[] = [staticLink, openbao]

/**
 * The provider of that name among `providers`.
 * @throws KryptonError invalid-field: there is none
 */
export function providerNamed(providers: readonly ExternalKeyProvider[], type: string): ExternalKeyProvider {
  const provider = providers.find((candidate) => candidate.type === type)
  if (provider !== undefined) return provider
  const known = providers.map((candidate) => candidate.type).join(', ')
  throw new KryptonError('invalid-field', `name a provider that this server knows: ${known}`)
}
