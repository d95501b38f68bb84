import type { Peer } from '../auth/authenticate.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * What is kept of requests that have come, partly or whole, and have no answer yet, on all connections of a listener: in all, of each client and of
 * each tenant. What a client or tenant may have of it is bounded below the whole, so that there is room for others whatever it does.
 */
export class FrameMemory {
  #bytes = 0
  readonly #held = new Map<string, Held>()

  /** In all, against `limits.partialFramesBytesMax`. */
  get bytes(): number {
    return this.#bytes
  }

  /** What a connection of this peer keeps. Call it once the peer is known. */
  shareOf({ fingerprint, identified }: Peer): FrameShare {
    if (identified === undefined) return new FrameShare(this, [this.#heldBy(`certificate ${fingerprint}`, ofClient)])
    const { client, tenant } = identified.principal
    return new FrameShare(this, [
      this.#heldBy(`client ${client.toString('hex')}`, ofClient),
      this.#heldBy(`tenant ${tenant.toString('hex')}`, ofTenant),
    ])
  }

  /** For shares: counts what somebody has more, or less, in all. */
  add(held: readonly Held[], bytes: number): void {
    this.#bytes += bytes
    for (const one of held) one.bytes += bytes
    if (bytes < 0) this.forgetUnheld(held)
  }

  /** For shares: who has nothing and no connection is forgotten. */
  forgetUnheld(held: readonly Held[]): void {
    for (const one of held) if (one.shares === 0 && one.bytes === 0) this.#held.delete(one.name)
  }

  #heldBy(name: string, bound: Bound): Held {
    const held = this.#held.get(name) ?? { name, bound, shares: 0, bytes: 0 }
    held.shares += 1
    this.#held.set(name, held)
    return held
  }
}

/** One connection's part in it. */
export class FrameShare {
  readonly #memory: FrameMemory
  readonly #held: readonly Held[]

  constructor(memory: FrameMemory, held: readonly Held[]) {
    this.#memory = memory
    this.#held = held
  }

  /** Counts bytes that are kept, or with a minus let go: also after `end`, for requests that are still worked on then. */
  add(bytes: number): void {
    this.#memory.add(this.#held, bytes)
  }

  /** Why so many bytes more may not be kept, in words for the client; undefined when they may. */
  refusalOf(more: number): KryptonError | undefined {
    const full = this.#held.find(({ bytes, bound }) => bytes + more > bound.bytesMax)
    return full === undefined ? undefined : full.bound.refusal
  }

  /** The connection has ended. Call it once. */
  end(): void {
    for (const one of this.#held) one.shares -= 1
    this.#memory.forgetUnheld(this.#held)
  }
}

/** What a client or a tenant has. */
interface Held {
  readonly name: string
  readonly bound: Bound
  /** Connections that share it. */
  shares: number
  bytes: number
}

interface Bound {
  readonly bytesMax: number
  readonly refusal: KryptonError
}

const ofClient = boundOf('client', limits.partialFramesBytesPerClientMax)
const ofTenant = boundOf('tenant', limits.partialFramesBytesPerTenantMax)

function boundOf(whose: string, bytesMax: number): Bound {
  return {
    bytesMax,
    refusal: new KryptonError(
      'overloaded',
      `Send the request again when others of this ${whose} have been answered: those that are under way have the ${bytesMax} bytes that it may have at once`,
    ),
  }
}
