import type { Backup } from './admin/services.ts'
import { dateTime } from './clock.ts'
import { forgetBackup, type KeptBackup, keptBackups, noteBackup } from './hierarchy/kept-backups.ts'
import type { KeyWork } from './hierarchy/key-versions.ts'
import { timeText } from './key-job-view.ts'

/** The copies of the database that an operator keeps: the versions of keys in them stay until they are forgotten. */
export class KeyBackups {
  readonly #work: KeyWork
  #over: readonly string[] = []

  constructor(work: KeyWork) {
    this.#work = work
  }

  /** Notes a copy of the database: the versions in it are kept until it is forgotten. Throws 'already-exists', 'invalid-field'. */
  async note(name: string, until: string, actor: string): Promise<Backup> {
    return backupView(await noteBackup(this.#work, { name, until: Math.floor(Date.parse(until) / 1000), actor }))
  }

  async list(): Promise<Backup[]> {
    return (await keptBackups(this.#work)).map(backupView)
  }

  /** Throws 'not-found'. */
  async forget(name: string, actor: string): Promise<Backup> {
    const forgotten = backupView(await forgetBackup(this.#work, name, actor))
    await this.look()
    return forgotten
  }

  /** What is to be gone by now still holds versions: the clock alone lets none go. */
  async look(): Promise<void> {
    const now = dateTime(this.#work.clock)
    this.#over = (await keptBackups(this.#work))
      .filter(({ until }) => until <= now)
      .map(
        ({ name }) => `backup ${name} was to be gone by now and holds versions of keys: krypton backup forget ${name}`,
      )
  }

  /** Those whose time is over, in words, as the last look has found them. */
  warnings(): readonly string[] {
    return this.#over
  }
}

/** A copy as administrators see it. */
export function backupView({ name, noted, until }: KeptBackup): Backup {
  return { name, noted: timeText(noted), until: timeText(until) }
}
