import { KryptonError } from '../errors.ts'
import type { ExternalKey, ExternallyWrapped } from '../external-keys/external-key.ts'
import type { Row } from '../store/schema.ts'
import type { KeyChain } from './key-chain.ts'
import type { SystemOfKeys } from './key-versions.ts'
import { linkContext, linkKey } from './link-key.ts'
import type { WrappingKey } from './root-keys.ts'

/** A version of S, by what its row says of it. */
type LinkOfKey = Pick<Row<'l1_links'>, 'version' | 'check_value'> & { readonly key_id: Uint8Array }

/** S as the L1 has wrapped it, opened by it again: what does not come back as it was is not used. Throws as `openLinkKey`. */
export async function wrapLinkKey(
  chain: KeyChain,
  external: ExternalKey,
  system: SystemOfKeys,
  key: WrappingKey,
): Promise<ExternallyWrapped> {
  const check_value = (await chain.tenant(system.tenant)).checkValue(key)
  const link = { key_id: key.keyId, version: key.version, check_value }
  const wrapped = await external.wrap(key.secret, linkContext({ cluster: chain.cluster, ...system }, link))
  const { secret } = await openLinkKey(chain, external, system, { link, wrapped })
  secret.wipe()
  return wrapped
}

/** S as the L1 opens it, which must have its check value: the caller wipes it. Throws 'external-key-mismatch', one of `externalKeyRefusals`. */
export async function openLinkKey(
  chain: KeyChain,
  external: ExternalKey,
  { tenant, system }: SystemOfKeys,
  { link, wrapped }: { readonly link: LinkOfKey; readonly wrapped: ExternallyWrapped },
): Promise<WrappingKey> {
  const tenantKeys = await chain.tenant(tenant)
  const context = linkContext({ cluster: chain.cluster, tenant, system }, link)
  const secret = await external.unwrap(wrapped, context, 'wrapping')
  const key = linkKey(link, secret)
  if (tenantKeys.fitsCheckValue(key, link.check_value)) return key
  secret.wipe()
  throw new KryptonError(
    'external-key-mismatch',
    'the L1 gives back another key than it was given: nothing is opened with it; ask its provider',
  )
}

/** S as it stands in a row. */
export function wrappedIn({ wrapped_by: keyId, mechanism, wrapped: ciphertext }: Row<'l1_links'>): ExternallyWrapped {
  return { keyId, mechanism, ciphertext }
}

/** The columns that say how S is wrapped. */
export function wrappedColumns({ keyId, mechanism, ciphertext }: ExternallyWrapped) {
  return { wrapped_by: Buffer.from(keyId), mechanism, wrapped: Buffer.from(ciphertext) }
}
