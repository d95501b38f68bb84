import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { isKryptonError } from '../../src/errors.ts'
import { clock, newHierarchy, newStaticKey } from '../hierarchy/fixture.ts'
import { openStored, storeObjects } from '../hierarchy/rotation-fixture.ts'
import { type AnyRow, tampered } from '../hierarchy/tampered-store.ts'

/** Tables between the root and an object. */
const tables = ['ivks', 'integrity_keys', 'tenant_keys', 'service_keys', 'objects'] as const

/** What flips of one byte in the rows below an object have come to. */
export interface FlipOutcome {
  /** The object opened as ever: the row was not one of its own. */
  readonly right: number
  readonly refused: number
  /** Lines for people: another key was opened without a word, or a fault of ours came of it. */
  readonly wrong: readonly string[]
}

/** Flips a random byte of a random column in a random row, and opens an object by a thread that knows nothing yet; `count` times. */
export async function flipBytes(count: number): Promise<FlipOutcome> {
  const { externalKey, remove } = newStaticKey()
  const made = await newHierarchy(externalKey)
  const objects = []
  for (const scope of Object.values(made.scopes)) objects.push(...(await storeObjects(made, scope, 2)))
  let [right, refused] = [0, 0]
  const wrong: string[] = []
  for (let flip = 0; flip < count; flip++) {
    const table = tables[Math.floor(Math.random() * tables.length)]!
    const rows: AnyRow[] = await made.store.find(table, {})
    const chosen = rows[Math.floor(Math.random() * rows.length)]!
    const [column, value] = Object.entries(chosen)[Math.floor(Math.random() * Object.keys(chosen).length)]!
    const flipped = flippedAnywhere(value)
    const store = tampered(made.store, (name, found) =>
      name === table
        ? found.map((row) =>
            Buffer.compare(row['mac'] as Buffer, chosen['mac'] as Buffer) === 0 ? { ...row, [column]: flipped } : row,
          )
        : found,
    )
    const object = objects[Math.floor(Math.random() * objects.length)]!
    try {
      const opened = await openStored(new KeyChain(store, made.root, clock), store, object)
      if (opened.equals(object.material)) right++
      else wrong.push(`${table}.${column}: another key`)
    } catch (error) {
      if (isKryptonError(error)) refused++
      else wrong.push(`${table}.${column}: ${String(error)}`)
    }
  }
  remove()
  return { right, refused, wrong }
}

/** One bit of one byte, wherever; another number. */
function flippedAnywhere(value: unknown): unknown {
  if (typeof value === 'number') return value ^ (1 << Math.floor(Math.random() * 8))
  if (!(value instanceof Uint8Array) || value.byteLength === 0) return value === null ? 1 : value
  const changed = Buffer.from(value)
  changed[Math.floor(Math.random() * changed.byteLength)]! ^= 1 << Math.floor(Math.random() * 8)
  return changed
}
