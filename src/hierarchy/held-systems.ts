import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { SystemOfKeys } from './key-versions.ts'
import { LinkSwitch, newestLink } from './link-key.ts'

/**
 * The systems whose keys take nothing new because an operator has said so: disabled, locked or unlinked. What makes keys there, or wraps anew what hangs on them, waits until that ends. In the memory of the main thread: jobs are asked whether they
 * may begin more often than rows are read. Whoever opens keys reads the rows, and is refused by them.
 */
export class HeldSystems {
  readonly #store: Store
  readonly #onReleased: (tenant: Buffer) => void
  readonly #held = new Map<string, LinkSwitch>()

  /** `onReleased` is told when a system of that tenant is held no more. */
  constructor(store: Store, onReleased: (tenant: Buffer) => void) {
    this.#store = store
    this.#onReleased = onReleased
  }

  /** Takes up what the last run has left. */
  async start(): Promise<void> {
    for (const { tenant, system } of await this.#store.find('l1_links', {})) await this.look({ tenant, system })
  }

  /** Holds a system from now on, before the row says so: what runs is not to be refused in between. */
  hold(system: SystemOfKeys, state: LinkSwitch): void {
    this.#held.set(nameOf(system), state)
  }

  /** Takes a system as its rows are now. */
  async look({ tenant, system }: SystemOfKeys): Promise<void> {
    const name = nameOf({ tenant, system })
    const state = switchOf(newestLink(await this.#store.find('l1_links', { tenant, system })))
    if (state !== LinkSwitch.Enabled) this.#held.set(name, state)
    else if (this.#held.delete(name)) this.#onReleased(tenant)
  }

  isHeld(system: SystemOfKeys): boolean {
    return this.#held.has(nameOf(system))
  }

  /** What whoever makes keys of that system is refused with; undefined when none is to be. */
  refusalOf(system: SystemOfKeys): KryptonError | undefined {
    const state = this.#held.get(nameOf(system))
    return state === undefined ? undefined : takesNothingNew(state)
  }
}

/** What an act that makes keys is refused with, where an operator has made that of the link. */
export function takesNothingNew(state: number): KryptonError {
  return new KryptonError('wrong-key-lifecycle-state', reasons[state] ?? reasons[LinkSwitch.Locked])
}

function switchOf(link: Row<'l1_links'> | undefined): LinkSwitch {
  // These are the states that are written here.
  return link === undefined ? LinkSwitch.Enabled : (link.switch_state as LinkSwitch)
}

const reasons: Readonly<Record<number, string>> & { readonly [LinkSwitch.Locked]: string } = {
  [LinkSwitch.DecryptOnly]:
    'this system is disabled: its keys open what they hold, and none is made that would take more. krypton tenant enable ends that',
  [LinkSwitch.Locked]: 'this system is locked: nothing of it opens. krypton tenant enable ends that',
  [LinkSwitch.Unlinked]: 'this system is unlinked from its L1: nothing of it opens. krypton tenant link ends that',
}

function nameOf({ tenant, system }: SystemOfKeys): string {
  return `${tenant.toString('latin1')}${system.toString('latin1')}`
}
