import { LRUCache } from 'lru-cache'
import {
  checkValidity,
  type VerifiedCertificate,
  verifyClientCertificate,
} from '../certificates/verify-client-certificate.ts'
import type { Clock } from '../clock.ts'
import { digest } from '../crypto/digest.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ClientDirectory, FoundClient } from '../tenants/client-directory.ts'
import type { Authority } from '../tenants/authority.ts'
import { RecordState, systemTenant } from '../tenants/records.ts'
import { type Principal, principalOf } from './principal.ts'

/** Who a certificate is, as of one version of trust. */
interface Identified {
  readonly trustVersion: number
  readonly validity: Pick<VerifiedCertificate, 'notBefore' | 'notAfter'>
  readonly principal: Principal
  /** What it hangs on, remembered for when that cannot be read any more. */
  readonly dependent: FoundClient['dependent']
}

interface Refused {
  readonly trustVersion: number
  readonly reason: string
}

/** The other end of one connection: its certificate, and what is known of it. */
export interface Peer {
  /** DER; undefined when the client sent none. */
  readonly certificate: Buffer | undefined
  /** SHA-256 of the certificate in hex: what it is remembered and counted by. */
  readonly fingerprint: string
  identified: Identified | undefined
  /** The credential that was checked last, by a hash of this process over it and what it was compared with, and what came of it. */
  credential: { readonly hash: Buffer; readonly isRight: boolean } | undefined
  /** Its connection has ended: nobody waits for an answer. */
  isGone: boolean
}

/** The peer that showed this certificate (DER), or none. */
export function peerOf(certificate: Buffer | undefined): Peer {
  const fingerprint = certificate === undefined ? '' : digest('sha256', certificate).toString('hex')
  return { certificate, fingerprint, identified: undefined, credential: undefined, isGone: false }
}

/**
 * Decides who a certificate is (KEYS.md 5). The outcome is remembered by the certificate's hash and forgotten when an authority, a
 * client or a tenant changes; the certificate's dates are compared every time. One per thread.
 */
export class Authenticator {
  readonly #directory: ClientDirectory
  readonly #clock: Clock
  readonly #onDamaged: (error: Error) => void
  readonly #clients = new LRUCache<string, Identified>({ max: limits.rememberedCertificatesMax })
  readonly #strangers = new LRUCache<string, Refused>({ max: limits.rememberedStrangersMax })

  /** @param onDamaged told of each row that says who is trusted and is not as it was written: its message names the row, and is for the operator */
  constructor(directory: ClientDirectory, clock: Clock, onDamaged: (error: Error) => void) {
    this.#directory = directory
    this.#clock = clock
    this.#onDamaged = onDamaged
  }

  /**
   * Who the peer is at this moment: call it for every request. For a peer that is known it costs a load and two comparisons.
   * @throws KryptonError client-unknown: the message is for the log, the client is told nothing of it
   */
  authenticate(peer: Peer): Principal | Promise<Principal> {
    const identified = this.#remembered(peer)
    return identified === undefined ? this.#identify(peer) : this.#principal(identified)
  }

  #remembered(peer: Peer): Identified | undefined {
    const { trustVersion } = this.#directory
    if (peer.identified?.trustVersion === trustVersion) return peer.identified
    const known = this.#clients.get(peer.fingerprint)
    peer.identified = known?.trustVersion === trustVersion ? known : undefined
    return peer.identified
  }

  #principal(identified: Identified): Principal {
    try {
      checkValidity(identified.validity, this.#clock.now())
    } catch (cause) {
      throw asUnknown(cause)
    }
    return identified.principal
  }

  async #identify(peer: Peer): Promise<Principal> {
    // Read before the rows are: a change in between makes the outcome stale, never too new.
    const { trustVersion } = this.#directory
    const refused = this.#strangers.get(peer.fingerprint)
    if (refused?.trustVersion === trustVersion) throw new KryptonError('client-unknown', refused.reason)
    try {
      const identified = await this.#lookUpOrRefuse(peer, trustVersion)
      this.#clients.set(peer.fingerprint, identified)
      peer.identified = identified
      return this.#principal(identified)
    } catch (cause) {
      const error = asUnknown(cause)
      const isRemembered = peer.identified === undefined && !isDamage(cause)
      if (isRemembered) this.#strangers.set(peer.fingerprint, { trustVersion, reason: error.message })
      throw error
    }
  }

  /** Who was known before, and cannot be looked up now because somebody has changed the rows for that from outside, is refused with words and not as a stranger. Throws as `#lookUp`. */
  async #lookUpOrRefuse({ certificate, fingerprint }: Peer, trustVersion: number): Promise<Identified> {
    try {
      return { ...(await this.#lookUp(certificate)), trustVersion }
    } catch (error) {
      if (isDamage(error)) this.#onDamaged(error)
      const known = this.#clients.get(fingerprint)
      if (known === undefined) throw error
      const distrusted = this.#directory.refusalOf(known.dependent)
      const refusal = distrusted ?? (isDamage(error) ? this.#directory.refusalOfDamaged() : undefined)
      if (refusal === undefined) throw error
      const principal = { ...known.principal, refusal }
      // Nobody tells when a damaged row is restored: it is read again for the next request.
      return { ...known, principal, trustVersion: distrusted === undefined ? noVersion : trustVersion }
    }
  }

  /** What an authority of ours vouches for. Throws 'row-mac-mismatch' where none does, and one cannot be read: it may be that one. */
  async #verified(certificate: Buffer): Promise<VerifiedCertificate<Authority>> {
    const { all, damaged } = await this.#directory.authorities()
    if (damaged !== undefined) this.#onDamaged(damaged)
    try {
      return verifyClientCertificate(certificate, all)
    } catch (error) {
      throw damaged ?? error
    }
  }

  async #lookUp(certificate: Buffer | undefined): Promise<Omit<Identified, 'trustVersion'>> {
    if (certificate === undefined) throw new KryptonError('client-unknown', 'the client sent no certificate')
    const { authority, leafKeyHash, notBefore, notAfter } = await this.#verified(certificate)
    await this.#directory.verifyAuthority(authority)
    const found = await this.#directory.find({ issuerKeyHash: authority.publicKeyHash, leafKeyHash }, authority)
    if (found === undefined) throw new KryptonError('client-unknown', 'no client is bound to these public keys')
    const { client, tenantActive, rules, credential, dependent, refusal } = found
    if (!authority.tenant.equals(systemTenant) && !authority.tenant.equals(client.scope.tenant)) {
      throw new KryptonError('client-unknown', "the authority is another tenant's than the client")
    }
    if (client.state !== RecordState.active) {
      throw new KryptonError('client-unknown', `client ${client.name} of tenant ${client.tenantName} is revoked`)
    }
    if (!tenantActive) throw new KryptonError('client-unknown', `tenant ${client.tenantName} is not active`)
    const principal = principalOf(client, { rules, credential, refusal })
    return { validity: { notBefore, notAfter }, principal, dependent }
  }
}

/** A version of trust that never is. */
const noVersion = -1

/** What is wrong with a certificate, or with the rows that say whose it is, makes its bearer unknown; a fault of ours stays what it is. */
function asUnknown(cause: unknown): KryptonError {
  if (isKryptonError(cause, 'client-unknown')) return cause
  if (isKryptonError(cause, 'certificate-invalid') || isDamage(cause))
    return new KryptonError('client-unknown', cause.message, { cause })
  throw cause
}

/** True if a row that says who is trusted, or a key that proves it, is not as it was written. */
function isDamage(error: unknown): error is KryptonError {
  return (['row-mac-mismatch', 'record-invalid', 'record-does-not-open'] as const).some((code) =>
    isKryptonError(error, code),
  )
}
