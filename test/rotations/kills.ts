import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readLedger, writeLedger } from './ledger.ts'
import { look } from './look.ts'
import { fillRealm, RotationRealm } from './realm.ts'

/** Where a rotation, an activation, a deletion or a destruction is killed: the names that the code gives its steps, and any moment at all. */
export const points = [
  'pending',
  'acknowledged',
  'active',
  'in use',
  'rewrapped',
  'read back',
  'deleted',
  'changed',
  'destroyed',
  'renewed',
  'rows renewed',
  'digests renewed',
  'let go',
  'known',
  'sealed',
  'committed',
  'opened',
  'over',
  'any moment',
] as const
export type Point = (typeof points)[number]

/** Objects of each service: some batches of a rotation. */
const objectsEach = 150
/** Longer than a victim needs from its start to its end. */
const lifeMsMax = 1_500

/** What a campaign of kills has come to. */
export interface KillOutcome {
  readonly cycles: number
  /** How often at each point. */
  readonly killed: Readonly<Record<string, number>>
  /** Lines for people. */
  readonly wrong: readonly string[]
}

/** A store whose keys' acts are killed again and again. */
export class Kills {
  readonly #directory: string
  readonly #ledger: string
  /** How often a victim was killed at each point; one that came to its end first is not counted. */
  readonly killed: Record<string, number> = {}

  constructor(directory: string) {
    this.#directory = directory
    this.#ledger = join(directory, 'ledger.json')
  }

  async prepare(): Promise<void> {
    if (existsSync(this.#ledger)) return
    mkdirSync(this.#directory, { recursive: true })
    const realm = await RotationRealm.open(this.#directory)
    writeLedger(this.#ledger, { ...(await fillRealm(realm, objectsEach)), active: {}, retired: [] })
    await realm.close()
  }

  /** Kills one rotation at `point`, looks at what it left, lets it be finished, and looks again. Says what was wrong. */
  async cycle(
    point: Point,
    {
      level = oneOf(levelsOf(point)),
      nth = onceIn.has(point) ? 1 : oneOf([1, 1, 2, 3]),
      spoil,
    }: {
      level?: ReturnType<typeof levelsOf>[number]
      nth?: number
      spoil?: (realm: RotationRealm) => Promise<void>
    } = {},
  ): Promise<string[]> {
    // Only a version that somebody else may know is deleted at once here.
    const reason = point === 'deleted' ? 'compromise' : oneOf(['command', 'compromise'])
    const name = point === 'any moment' ? 'none' : point
    const victim = spawn(
      process.execPath,
      [join(import.meta.dirname, 'victim.ts'), this.#directory, this.#ledger, level, reason, name, String(nth)],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    if (point === 'any moment') {
      const timer = setTimeout(() => victim.kill('SIGKILL'), 200 + Math.random() * lifeMsMax)
      victim.once('exit', () => clearTimeout(timer))
    }
    const [, signal] = (await once(victim, 'exit')) as [number | null, string | null]
    if (signal === 'SIGKILL') this.killed[point] = (this.killed[point] ?? 0) + 1
    return this.#finish(`${level} at ${point}`, spoil)
  }

  async #finish(what: string, spoil: ((realm: RotationRealm) => Promise<void>) | undefined): Promise<string[]> {
    const ledger = readLedger(this.#ledger)
    const realm = await RotationRealm.open(this.#directory)
    try {
      const wrong = await look(realm, ledger, false)
      if (spoil === undefined) {
        await realm.queue.start()
        while (realm.queue.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      } else await spoil(realm)
      wrong.push(...(await look(realm, ledger, true)), ...realm.reported)
      writeLedger(this.#ledger, ledger)
      return wrong.map((line) => `${what}: ${line}`)
    } finally {
      await realm.close()
    }
  }
}

/** What comes to a point: an epoch of the MasterKey, the life of a new key, which is announced, activated and destroyed, rotations of integrity keys, and those of all others. */
function levelsOf(point: Point): readonly string[] {
  const everything = ['ivk', 'l2', 'l3', 'sik', 'tik']
  return (
    ofPoints.find(({ at }) => at.has(point))?.levels ?? (point === 'any moment' ? [...everything, 'epoch'] : everything)
  )
}

/** What an act comes to once. */
const onceIn: ReadonlySet<Point> = new Set<Point>(['digests renewed', 'known', 'sealed', 'committed', 'opened', 'over'])

const ofPoints: readonly { readonly at: ReadonlySet<Point>; readonly levels: readonly string[] }[] = [
  { at: new Set<Point>(['changed', 'destroyed']), levels: ['life'] },
  { at: new Set<Point>(['rewrapped', 'read back']), levels: ['ivk', 'l2', 'l3'] },
  { at: new Set<Point>(['renewed', 'rows renewed', 'let go']), levels: ['sik', 'tik'] },
  { at: new Set<Point>(['digests renewed']), levels: ['sik'] },
  { at: new Set<Point>(['known', 'sealed', 'committed', 'opened', 'over']), levels: ['epoch'] },
]

function oneOf<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)]!
}
