import { KryptonError } from '../errors.ts'
import type { ExternalKey } from '../external-keys/external-key.ts'
import { limits } from '../limits.ts'
import type { SystemOfKeys } from './key-versions.ts'
import { credentialsContext, type LinkMode } from './link-key.ts'
import type { WrappingKey } from './root-keys.ts'
import { Purpose, sealRecord } from './wrapped-key.ts'

/** A key outside that is to be the L1 of a system. */
export interface NewLink {
  readonly provider: string
  /** Name of the key at its provider. */
  readonly key: string
  readonly settings: Readonly<Record<string, string>>
  /** What authenticates us there: the caller wipes it. */
  readonly credentials: Uint8Array
  readonly mode: LinkMode
  readonly leaseSeconds: number
}

/** @throws KryptonError invalid-field: it is longer, or its lease is shorter or longer, than any may be; `development` allows shorter ones */
export function checkNewLink({ key, leaseSeconds, settings, credentials }: NewLink, development: boolean): void {
  const isTooLong = key.length + JSON.stringify(settings).length + credentials.byteLength > limits.externalKeyTextMax
  if (isTooLong) throw new KryptonError('invalid-field', `a link takes ${limits.externalKeyTextMax} bytes at most`)
  const secondsMin = development ? limits.leaseSecondsDevelopmentMin : limits.leaseSecondsMin
  if (leaseSeconds < secondsMin || leaseSeconds > limits.leaseSecondsMax) {
    throw new KryptonError('invalid-field', `a lease takes ${secondsMin} to ${limits.leaseSecondsMax} seconds`)
  }
}

/** @throws KryptonError external-key-disabled, external-key-not-found, and others of `externalKeyRefusals` */
export async function refuseUnusable(external: ExternalKey): Promise<void> {
  const { state } = await external.status()
  if (state === 'disabled')
    throw new KryptonError('external-key-disabled', 'this key is disabled at its provider: enable it there first')
  if (state === 'deleted')
    throw new KryptonError('external-key-not-found', 'this key is deleted at its provider: name another')
}

/** The credentials for an L1 as they stand in its row: no credentials, no record. */
export function sealCredentials(
  owner: { readonly cluster: Uint8Array } & SystemOfKeys,
  { keyId, version }: { readonly keyId: Uint8Array; readonly version: number },
  ivk: WrappingKey,
  credentials: Uint8Array,
): Buffer {
  if (credentials.byteLength === 0) return Buffer.alloc(0)
  const context = credentialsContext(owner, { key_id: keyId, version }, credentials.byteLength)
  return sealRecord(Purpose.SystemSecret, ivk, context, credentials)
}
