import { exportSecret, importSecret, type TransferableSecret } from './crypto/secret.ts'
import { type ErrorCode, isKryptonError, KryptonError } from './errors.ts'
import { HeldLeases, Lease, type Leases, systemText } from './hierarchy/lease.ts'
import type { LeaseCells, LeasePlace } from './hierarchy/lease-cells.ts'
import type { WrappingKey } from './hierarchy/root-keys.ts'
import { limits } from './limits.ts'
import type { MaybePromise } from './store/store.ts'

/** From a listener thread to the main one: it has no lease of that system. */
export interface LeaseWanted {
  readonly kind: 'lease-wanted'
  readonly number: number
  readonly tenant: Uint8Array
  readonly system: Uint8Array
}

/** The answer: the versions of S, which stay in the slots of the main thread too, or why there are none. */
export type LeaseAnswer = { readonly lease: number } & (
  | {
      readonly place: LeasePlace
      readonly opensOnly: boolean
      readonly keys: readonly WrappingKey<TransferableSecret>[]
    }
  | { readonly code: ErrorCode; readonly message: string }
)

/** Answers a listener thread from the main thread's leases. */
export async function answerLease(leases: Leases, wanted: LeaseWanted): Promise<LeaseAnswer> {
  try {
    const { place, linkKeys, opensOnly } = await leases.of(Buffer.from(wanted.tenant), Buffer.from(wanted.system))
    const keys = [...linkKeys.values()].map((key) => ({ ...key, secret: exportSecret(key.secret) }))
    return { lease: wanted.number, place, opensOnly, keys }
  } catch (error) {
    const { code, message } = isKryptonError(error) ? error : noAnswer()
    return { lease: wanted.number, code, message }
  }
}

/** The leases of a listener thread: it asks the main thread, which asks L1s, and looks into the cells by itself. */
export class LeaseRelay implements Leases {
  readonly #cells: LeaseCells
  readonly #tell: (message: LeaseWanted) => void
  readonly #held: HeldLeases
  readonly #waiting = new Map<number, (answer: LeaseAnswer) => void>()
  readonly #asking = new Map<string, Promise<Lease>>()
  #numbers = 0

  /** @param onEnded told of each lease that has ended, after its keys were wiped */
  constructor(
    cells: LeaseCells,
    tell: (message: LeaseWanted) => void,
    onEnded: (tenant: Buffer, system: Buffer) => void,
  ) {
    this.#cells = cells
    this.#tell = tell
    this.#held = new HeldLeases(onEnded)
  }

  of(tenant: Buffer, system: Buffer): MaybePromise<Lease> {
    const running = this.#held.running(tenant, system)
    if (running !== undefined) return running
    this.#held.look()
    const name = systemText(tenant, system)
    const asking = this.#asking.get(name) ?? this.#ask(tenant, system).finally(() => this.#asking.delete(name))
    this.#asking.set(name, asking)
    return asking
  }

  receive(answer: LeaseAnswer): void {
    this.#waiting.get(answer.lease)?.(answer)
  }

  look(): void {
    this.#held.look()
  }

  forget(): void {
    this.#held.forget()
  }

  async #ask(tenant: Buffer, system: Buffer): Promise<Lease> {
    const number = this.#numbers++
    const answer = await new Promise<LeaseAnswer>((resolve) => {
      const timer = setTimeout(() => resolve({ lease: number, ...noAnswer() }), limits.leaseAnswerMs).unref()
      this.#waiting.set(number, (given) => {
        clearTimeout(timer)
        resolve(given)
      })
      this.#tell({ kind: 'lease-wanted', number, tenant, system })
    }).finally(() => this.#waiting.delete(number))
    if ('code' in answer) throw new KryptonError(answer.code, answer.message)
    const lease = new Lease(this.#cells, answer.place, {
      linkKeys: importedKeys(answer.keys),
      opensOnly: answer.opensOnly,
    })
    this.#held.add(tenant, system, lease)
    return lease
  }
}

/** @throws KryptonError external-key-unreachable: the lease has ended on its way here */
function importedKeys(keys: readonly WrappingKey<TransferableSecret>[]): Map<number, WrappingKey> {
  const imported = new Map<number, WrappingKey>()
  try {
    for (const key of keys) imported.set(key.version, { ...key, secret: importSecret(key.secret) })
    return imported
  } catch (cause) {
    for (const { secret } of imported.values()) secret.wipe()
    const { code, message } = noAnswer()
    throw new KryptonError(code, message, { cause })
  }
}

function noAnswer(): { readonly code: ErrorCode; readonly message: string } {
  return {
    code: 'external-key-unreachable',
    message: "Repeat the request later: the tenant's own key (L1) could not be asked in time",
  }
}
