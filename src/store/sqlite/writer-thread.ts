import type { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { decideMaking } from '../../crypto/native.ts'
import { importSecret, type TransferableSecret } from '../../crypto/secret.ts'
import { isKryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { type Section, tableOf } from '../schema.ts'
import type { SetDigestKey } from '../set-digest.ts'
import type { Unit } from '../store.ts'
import { bumpTouched } from '../touched-slots.ts'
import { VersionTable } from '../version-table.ts'
import { Checkpointer } from './checkpointer.ts'
import type {
  OutcomeMessage,
  OwnerMessage,
  Refusal,
  SetPage,
  UnitsMessage,
  WriterData,
  WriterMessage,
} from './messages.ts'
import { LogEraser } from './log-eraser.ts'
import { ErasedRecords, notErased } from './erased-records.ts'
import { openForWriting, refuseNewerFormat, sectionPath } from './section-file.ts'
import { type Outcome, SectionWriter } from './section-writer.ts'
import { type WriteObstacle, writeObstacleOf } from './sqlite-error.ts'
import { decodeUnit, separateUnits } from './unit-codec.ts'

/**
 * The one writer of a store, in a thread of its own. Whatever has queued while the last transaction was being made durable goes
 * into the next: no timer collects a group, and a lone unit waits for nobody.
 */
class Writer {
  readonly #owner: MessagePort
  readonly #versions: VersionTable
  readonly #databases: Readonly<Record<Section, DatabaseSync>>
  readonly #sections: Readonly<Record<Section, SectionWriter>>
  readonly #checkpointers: Readonly<Record<Section, Checkpointer>>
  readonly #erased: ErasedRecords<Told>
  readonly #senders = new Set<MessagePort>()
  #queue: Queued[] = []
  #scheduled = false
  #closing = false
  #fatal: string | undefined
  #obstacle: WriteObstacle | undefined
  /** What the owner was told last. */
  #reported: WriteObstacle | undefined
  /** By section, what SQLite counts of the commits of others. */
  readonly #outside = new Map<Section, unknown>()

  constructor(owner: MessagePort, { directory, versions, faults }: WriterData) {
    this.#owner = owner
    this.#versions = new VersionTable(versions)
    refuseNewerFormat(directory)
    const keys = openForWriting(directory, 'keys', faults)
    const data = openForWriting(directory, 'data', faults)
    this.#databases = { keys, data }
    this.#erased = new ErasedRecords(new LogEraser(keys), faults.overwriteAfterMs)
    this.#sections = { keys: new SectionWriter(keys, 'keys'), data: new SectionWriter(data, 'data') }
    const checkpointer = (section: Section): Checkpointer =>
      new Checkpointer(this.#databases[section], sectionPath(directory, section), (message) =>
        this.#die(new Error(`the log of section ${section} could not be copied back: ${message}`)),
      )
    this.#checkpointers = { keys: checkpointer('keys'), data: checkpointer('data') }
    this.#lookOutside()
    setInterval(() => {
      this.#lookOutside()
      this.#lookAtLog()
    }, limits.outsideLookMs).unref()
    owner.on('message', (message: OwnerMessage) => {
      if ('connect' in message) this.#addSender(message.connect)
      else if ('keepSets' in message) this.#keepSets(message)
      else if ('prepareSets' in message) this.#prepareSets(message)
      else if ('turnSets' in message) this.#turnSets(message)
      else if ('passSets' in message) this.#passSets(message.passSets)
      else if ('compareOwned' in message) this.#compareOwned(message)
      else if ('learnSets' in message) this.#learnSets(message)
      else if ('ending' in message) this.#refuseUnerased()
      else void this.#beginClose()
      this.#schedule()
    })
  }

  /** The files are closed when nobody else has them open: then the log goes with them. */
  async #beginClose(): Promise<void> {
    for (const section of sections) await this.#checkpointers[section].close()
    this.#closing = true
    this.#schedule()
  }

  /** Before anything that was sent after it is written. */
  #keepSets({ keepSets, mayBegin }: Extract<OwnerMessage, { keepSets: unknown }>): void {
    try {
      const setsTaken = sections.filter((section) => {
        const [first, ...others] = keepSets.map(imported)
        if (first === undefined) throw new Error('the digests are to be kept under no key')
        const isBegun = this.#sections[section].keepSets([first, ...others], mayBegin)
        const kept = this.#sections[section].setsKeyVersion
        for (const { version, secret } of [first, ...others]) if (version !== kept) secret.wipe()
        return isBegun
      })
      this.#owner.postMessage({ setsTaken } satisfies WriterMessage)
    } catch (error) {
      this.#refuseSets(error)
    }
  }

  #refuseSets(error: unknown): void {
    const setsRefused = isKryptonError(error)
      ? { code: error.code, message: error.message }
      : { code: 'store-failed' as const, message: describe(error) }
    this.#owner.postMessage({ setsRefused } satisfies WriterMessage)
  }

  #prepareSets({ prepareSets }: Extract<OwnerMessage, { prepareSets: unknown }>): void {
    const setsTaken = sections.filter((section) => {
      const key = imported(prepareSets)
      const isTaken = this.#sections[section].prepareSets(key)
      if (!isTaken) key.secret.wipe()
      return isTaken
    })
    this.#owner.postMessage({ setsTaken } satisfies WriterMessage)
  }

  #turnSets({ turnSets: setsTaken }: Extract<OwnerMessage, { turnSets: unknown }>): void {
    try {
      for (const section of setsTaken) this.#sections[section].turnSets()
      this.#owner.postMessage({ setsTaken } satisfies WriterMessage)
    } catch (error) {
      if (isKryptonError(error)) this.#refuseSets(error)
      else this.#die(error)
    }
  }

  #passSets(page: SetPage): void {
    try {
      const difference = this.#sections[page.section].passSets(page)
      this.#owner.postMessage({ setsPassed: page.table, difference } satisfies WriterMessage)
    } catch (error) {
      if (!isKryptonError(error)) return this.#die(error)
      const failed = { code: error.code, message: error.message }
      this.#owner.postMessage({ setsPassed: page.table, failed } satisfies WriterMessage)
    }
  }

  #compareOwned({ compareOwned, tables, owner }: Extract<OwnerMessage, { compareOwned: number }>): void {
    try {
      const changed = tables.flatMap((table) => this.#sections[tableOf(table).section].compareOwned(table, owner) ?? [])
      this.#owner.postMessage({ ownedCompared: compareOwned, changed } satisfies WriterMessage)
    } catch (error) {
      this.#die(error)
    }
  }

  #learnSets({ learnSets: table, corrected }: Extract<OwnerMessage, { learnSets: unknown }>): void {
    const isLearned = this.#sections[tableOf(table).section].learnSets(table, corrected)
    this.#owner.postMessage({ setsLearned: table, isLearned } satisfies WriterMessage)
  }

  /** This is the one connection that writes: a commit that is not its own is somebody's who has the file. */
  #lookOutside(): void {
    if (this.#fatal !== undefined || this.#closing) return
    try {
      for (const section of sections) {
        const { data_version: version } = this.#databases[section].prepare('PRAGMA data_version').get() ?? {}
        const before = this.#outside.get(section)
        this.#outside.set(section, version)
        if (before !== undefined && before !== version)
          this.#owner.postMessage({ changedOutside: true } satisfies WriterMessage)
      }
    } catch (error) {
      this.#die(error)
    }
  }

  #addSender(sender: MessagePort): void {
    this.#senders.add(sender)
    if (this.#fatal !== undefined) sender.postMessage({ fatal: this.#fatal } satisfies OutcomeMessage)
    sender.on('message', (message: UnitsMessage) => {
      this.#take(sender, message)
      this.#schedule()
    })
    sender.on('close', () => this.#senders.delete(sender))
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#run()
    })
  }

  #run(): void {
    this.#drain()
    if (this.#fatal !== undefined) this.#queue = []
    const group = this.#queue.splice(0, limits.storeGroupMax)
    if (group.length > 0 && !this.#write(group)) return
    if (this.#queue.length > 0) this.#schedule()
    else if (this.#closing) this.#close()
  }

  /** Takes what has come in since the loop last turned. */
  #drain(): void {
    for (const sender of this.#senders) {
      for (let next = receiveMessageOnPort(sender); next !== undefined; next = receiveMessageOnPort(sender)) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a sender posts nothing else
        this.#take(sender, next.message as UnitsMessage)
      }
    }
  }

  #take(sender: MessagePort, { first, units }: UnitsMessage): void {
    separateUnits(units).forEach((unit, at) => this.#queue.push({ sender, number: first + at, unit }))
  }

  #write(group: readonly Queued[]): boolean {
    const units = group.map(({ unit }) => decodeUnit(unit))
    const outcomes: Outcome[] = Array.from({ length: units.length })
    // Units that are not told of before the log is empty.
    const erasing = new Set<number>()
    try {
      for (const section of sections) this.#writeSection(section, units, outcomes, erasing)
    } catch (error) {
      this.#die(error)
      return false
    }
    units.forEach((unit, at) => {
      if (outcomes[at] === undefined) bumpTouched(this.#versions, unit)
    })
    this.#reportObstacle(units, outcomes)
    const told = group.map(({ sender, number }, at) => ({ sender, number, outcome: outcomes[at] }))
    this.#tell(erasing.size === 0 ? told : told.filter((_, at) => !erasing.has(at)))
    if (erasing.size > 0) this.#eraseAfter(told.filter((_, at) => erasing.has(at)))
    return this.#fatal === undefined
  }

  #writeSection(section: Section, units: readonly Unit[], outcomes: Outcome[], erasing: Set<number>): void {
    const writer = this.#sections[section]
    const mine = [...units.keys()].filter((at) => units[at]!.section === section)
    const taking = mine.filter((at) => writer.takesRecords(units[at]!))
    const claiming = taking.filter((at) => units[at]!.erasure !== 'later')
    // Nothing is taken out that the log would keep: who asked is refused while nothing has changed yet.
    const refusal = claiming.length > 0 ? this.#erased.refusal() : undefined
    const places = refusal === undefined ? mine : mine.filter((at) => !claiming.includes(at))
    if (refusal !== undefined) for (const at of claiming) outcomes[at] = refusal
    if (places.length === 0) return
    const results = writer.commit(places.map((at) => units[at]!))
    places.forEach((at, place) => (outcomes[at] = results[place]))
    for (const at of claiming) if (outcomes[at] === undefined) erasing.add(at)
    if (taking.length > claiming.length) this.#erased.owe()
    this.#checkpointers[section].look()
  }

  /** Those are told of when the log is empty. */
  #eraseAfter(durable: readonly Told[]): void {
    try {
      const erased = this.#erased.erased(durable)
      if (erased !== undefined) this.#tell(erased)
      else if (this.#erased.isEnding) this.#refuseUnerased()
    } catch (error) {
      this.#die(error)
    }
    this.#postObstacle()
  }

  #lookAtLog(): void {
    if (this.#fatal !== undefined) return
    try {
      this.#tell(this.#erased.look())
    } catch (error) {
      this.#die(error)
    }
    this.#postObstacle()
  }

  #refuseUnerased(): void {
    this.#tell(this.#erased.end().map((told) => ({ ...told, outcome: notErased() })))
  }

  /** Tells the owner when space runs out or a lock is held, and when something could be written again. */
  #reportObstacle(units: readonly Unit[], outcomes: readonly Outcome[]): void {
    const obstacles = outcomes.map((outcome) => writeObstacleOf(outcome?.cause))
    const obstacle = obstacles.find((one) => one !== undefined && one !== 'log-read')
    const hasWritten = units.some((unit, at) => outcomes[at] === undefined && writes(unit))
    if (obstacle !== undefined || hasWritten) this.#obstacle = obstacle
    this.#postObstacle()
  }

  #postObstacle(): void {
    const obstacle = this.#obstacle ?? (this.#erased.isBlocked ? 'log-read' : undefined)
    if (obstacle === this.#reported) return
    this.#reported = obstacle
    this.#owner.postMessage({ obstacle: obstacle ?? null } satisfies WriterMessage)
  }

  #tell(all: readonly Told[]): void {
    const answers = new Map<MessagePort, { durable: number[]; refused: Refusal[] }>()
    for (const { sender, number, outcome } of all) {
      let answer = answers.get(sender)
      if (answer === undefined) answers.set(sender, (answer = { durable: [], refused: [] }))
      if (outcome === undefined) answer.durable.push(number)
      else answer.refused.push({ number, code: outcome.code, message: outcome.message })
    }
    for (const [sender, answer] of answers) sender.postMessage(answer satisfies OutcomeMessage)
  }

  /** Nothing is written or acknowledged after this: the files stay as they are until recovery looks at them. */
  #die(error: unknown): void {
    this.#fatal = describe(error)
    this.#owner.postMessage({ fatal: this.#fatal } satisfies WriterMessage)
    for (const sender of this.#senders) sender.postMessage({ fatal: this.#fatal } satisfies OutcomeMessage)
    this.#schedule()
  }

  #close(): void {
    for (const section of sections) this.#sections[section].wipe()
    const databases = this.#fatal === undefined ? Object.values(this.#databases) : []
    for (const database of databases) {
      // An empty log is what tells the next start that this stop was a clean one.
      emptyAtEnd(database)
      database.close()
    }
    for (const sender of this.#senders) sender.close()
    this.#owner.close()
  }
}

const sections = ['keys', 'data'] as const

/** A key of this thread's own. */
function imported({ version, secret }: SetDigestKey<TransferableSecret>): SetDigestKey {
  return { version, secret: importSecret(secret) }
}

/** What is to be told of a unit. */
interface Told {
  readonly sender: MessagePort
  readonly number: number
  readonly outcome: Outcome
}

interface Queued {
  readonly sender: MessagePort
  readonly number: number
  readonly unit: Uint8Array
}

/** A log that cannot be emptied is left to the next start. */
function emptyAtEnd(database: DatabaseSync): void {
  try {
    new LogEraser(database).eraseWithin(limits.storeEraseMs)
  } catch (error) {
    if (writeObstacleOf(error) === undefined) throw error
  }
}

function writes({ changes, audit }: Unit): boolean {
  return changes.length + audit.length > 0
}

function describe(error: unknown): string {
  const parts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message)
  return parts.join(': ') || String(error)
}

try {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the owner starts this thread with
  const data = workerData as WriterData
  decideMaking(data.native)
  // oxlint-disable-next-line no-new -- it lives by its ports
  new Writer(parentPort!, data)
  parentPort!.postMessage({ ready: true } satisfies WriterMessage)
} catch (error) {
  const code = isKryptonError(error) ? error.code : 'store-failed'
  parentPort!.postMessage({ failed: { code, message: describe(error) } } satisfies WriterMessage)
}
