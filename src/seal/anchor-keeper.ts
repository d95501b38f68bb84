import type { RootKeys } from '../hierarchy/root-keys.ts'
import { limits } from '../limits.ts'
import { type Anchored, writeAnchor } from './anchor.ts'
import type { AnchorState } from './anchor-state.ts'

/** What an anchor that is kept is about; the root's keys as they are at each write. */
type Kept = Omit<Anchored, 'root'> & { readonly root: () => RootKeys }

/**
 * Takes the anchor along with the database while a server runs: once a second at most, when something has changed, and once more at its end. A change
 * that is younger than the last write is not anchored: a database may be rolled back by that much without being noticed.
 */
export class AnchorKeeper {
  readonly #anchored: Kept
  readonly #onFault: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #state: AnchorState | undefined
  #trouble: { readonly since: string; readonly reason: string } | undefined

  /** @param onFault is told of each first write that fails after one that did not */
  constructor(anchored: Kept, onFault: (error: unknown) => void) {
    this.#anchored = anchored
    this.#onFault = onFault
  }

  /** What was written last. */
  get state(): AnchorState | undefined {
    return this.#state
  }

  /** What keeps the anchor from being written, and since when. */
  trouble(): string | undefined {
    if (this.#trouble === undefined) return undefined
    const { name, whenTroubled } = this.#anchored.place
    const { since, reason } = this.#trouble
    return `the anchor ${name} could not be written since ${since} (${reason}): ${whenTroubled}, what changes meanwhile can be rolled back`
  }

  /** Writes it now, and from now on. */
  async start(): Promise<void> {
    await this.#write()
    this.#timer = setInterval(() => void this.#write(), limits.anchorMs).unref()
  }

  /** Writes it for the last time. The store is still open. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    await this.#writing
    await this.#write()
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeIfChanged().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #writeIfChanged(): Promise<void> {
    try {
      if (this.#trouble !== undefined || (await this.#hasChanged())) {
        const { store, root, place, clock } = this.#anchored
        this.#state = await writeAnchor({ store, root: root(), place, clock })
      }
      this.#trouble = undefined
    } catch (error) {
      if (this.#trouble === undefined) this.#onFault(error)
      const since = this.#trouble?.since ?? new Date(this.#anchored.clock.now()).toISOString()
      this.#trouble = { since, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  async #hasChanged(): Promise<boolean> {
    const { store } = this.#anchored
    const [keys, data] = [await store.auditHead('keys'), await store.auditHead('data')]
    return this.#state?.keys.sequence !== (keys?.sequence ?? 0) || this.#state.data.sequence !== (data?.sequence ?? 0)
  }
}
