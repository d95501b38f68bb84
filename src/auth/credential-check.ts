import { createHmac, timingSafeEqual } from 'node:crypto'
import { FairQueue } from '../crypto/fair-queue.ts'
import { randomBytes } from '../crypto/random.ts'
import { KryptonError } from '../errors.ts'
import type { Authentication, Credential } from '../kmip/authentication.ts'
import { CredentialType } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import type { Peer } from './authenticate.ts'
import { credentialInput, type CredentialKind, verifiesCredential } from './credential-verifier.ts'
import type { Principal } from './principal.ts'

/**
 * Credentials in request headers as a second factor: a client that has one must send it with every request, besides the certificate that says who it
 * is; of others a credential is read and says nothing. The outcome is remembered for the connection, under a hash that is no use outside this process: scrypt is
 * run once, also for connections that send the same at the same time. Clients wait for their own checks, not for those of others. One per thread.
 */
export class CredentialCheck {
  readonly #key = randomBytes(32)
  readonly #onRefused: (principal: Principal) => void
  #running = 0
  /** By client. */
  readonly #waiting = new FairQueue<() => void>()
  /** Checks under way, by the hash of what is checked. */
  readonly #checks = new Map<string, Promise<boolean>>()

  constructor(onRefused: (principal: Principal) => void) {
    this.#onRefused = onRefused
  }

  /**
   * Returns when the request has the credential of the principal, which has one.
   * @throws KryptonError authentication-not-successful: it has none, or another; overloaded: too many are being checked
   */
  async check(authentication: Authentication | undefined, peer: Peer, principal: Principal): Promise<void> {
    const credentials = authentication?.credentials.slice(0, limits.credentialsOfRequestMax) ?? []
    for (const credential of credentials) if (await this.#isOf(credential, peer, principal)) return
    this.#onRefused(principal)
    throw new KryptonError(
      'authentication-not-successful',
      'Send the Credential of this client in the Authentication of the request: there is none, or it is another one',
    )
  }

  async #isOf({ credentialType, credentialValue }: Credential, peer: Peer, principal: Principal): Promise<boolean> {
    const type = kinds.get(credentialType)
    if (type === undefined) return false
    const input = credentialInput({ ...credentialValue, type })
    try {
      const verifier = principal.credential! // it has one
      // A verifier has one length; another one, after a change, is another hash.
      const hash = createHmac('sha256', this.#key).update(principal.client).update(verifier).update(input).digest()
      const known = peer.credential
      if (known !== undefined && timingSafeEqual(known.hash, hash)) return known.isRight
      const isRight = await this.#checked(hash.toString('latin1'), input, principal)
      peer.credential = { hash, isRight }
      return isRight
    } finally {
      input.fill(0)
    }
  }

  #checked(name: string, input: Buffer, { client, credential }: Principal): Promise<boolean> {
    const underWay = this.#checks.get(name)
    if (underWay !== undefined) return underWay
    // Whoever sent it first may be gone before it is checked.
    const own = Buffer.from(input)
    const check = this.#inTurn(client.toString('latin1'), () => verifiesCredential(own, credential!)).finally(() => {
      own.fill(0)
      this.#checks.delete(name)
    })
    this.#checks.set(name, check)
    return check
  }

  /** Few at a time: each has some memory, and other work of the thread pool waits for it. */
  async #inTurn<T>(client: string, run: () => Promise<T>): Promise<T> {
    if (this.#running >= limits.credentialChecksMax) {
      const isFull = this.#waiting.size >= limits.credentialChecksWaitingMax
      if (isFull || this.#waiting.sizeOf(client) >= limits.credentialChecksOfClientWaitingMax) {
        throw new KryptonError('overloaded', 'Send the request again: too many Credentials are being checked')
      }
      await new Promise<void>((resolve) => this.#waiting.push(client, resolve))
    } else {
      this.#running += 1
    }
    try {
      return await run()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}

const kinds: ReadonlyMap<number, CredentialKind> = new Map<number, CredentialKind>([
  [CredentialType.UsernameAndPassword, 'username-and-password'],
  [CredentialType.Device, 'device'],
])
