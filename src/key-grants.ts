import type { Grant } from './admin/services.ts'
import { KryptonError } from './errors.ts'
import { BreakGlass, type GrantRow } from './hierarchy/break-glass.ts'
import { noTenant } from './hierarchy/key-record.ts'
import type { KeyWork } from './hierarchy/key-versions.ts'
import type { KeyAddress } from './hierarchy/rotation-jobs.ts'
import { timeText } from './key-job-view.ts'
import type { KeyNames } from './key-names.ts'
import { limits } from './limits.ts'
import type { Log } from './telemetry/log.ts'

/** What grants work with. */
export interface KeyGrantsParts {
  readonly work: KeyWork
  readonly names: KeyNames
  readonly log: Log
}

/** Grants that open what is under compromised keys, for a time: made and ended by an operator, and ended by themselves. */
export class KeyGrants {
  readonly #parts: KeyGrantsParts
  readonly #breakGlass: BreakGlass
  #timer: NodeJS.Timeout | undefined

  constructor(parts: KeyGrantsParts) {
    this.#parts = parts
    this.#breakGlass = new BreakGlass(parts.work)
  }

  /** Takes up what the last run has left. */
  async start(): Promise<void> {
    await this.#breakGlass.start()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** How many are open. */
  get size(): number {
    return this.#breakGlass.size
  }

  /** Lets requests open what is under compromised keys, for a time. Throws 'not-found', 'invalid-field', 'not-healthy'. */
  async make(
    name: string,
    request: { readonly minutes: number; readonly reason: string; readonly actor: string },
  ): Promise<Grant> {
    const address = await this.#parts.names.addressOf(name)
    refuseIvk(address)
    const row = await this.#breakGlass.grant(address, request)
    this.#lookAgain()
    return this.#view(row)
  }

  /** Those that are open, the first to end first. */
  async list(): Promise<Grant[]> {
    return Promise.all((await this.#breakGlass.list()).map((row) => this.#view(row)))
  }

  /** Throws 'not-found', 'not-healthy'. */
  async end(grant: string, actor: string): Promise<Grant> {
    return this.#view(await this.#breakGlass.end(grant, actor))
  }

  /** Looks at the grants until none is left. */
  #lookAgain(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), limits.breakGlassLookMs).unref()
  }

  async #look(): Promise<void> {
    let left = 1
    try {
      left = await this.#breakGlass.look()
    } catch (error) {
      this.#parts.log.error('a grant that opens compromised keys could not be ended, it is tried again', error)
    }
    if (left > 0) this.#lookAgain()
  }

  async #view({ tenant, grant, system, service, reason, actor, created, expires }: GrantRow): Promise<Grant> {
    const scope = { tenant, system, ...(service.equals(noTenant) ? {} : { service }) }
    const key = await this.#parts.names.pathOf(scope)
    return { id: grant.toString('hex'), key, reason, actor, created: timeText(created), expires: timeText(expires) }
  }
}

/** @throws KryptonError invalid-field */
export function refuseIvk(key: { readonly table: string }): asserts key is Exclude<KeyAddress, { table: 'ivks' }> {
  if (key.table !== 'ivks') return
  throw new KryptonError('invalid-field', 'the IVK opens when it is compromised too: name TENANT/SYSTEM or a service')
}
