import { KryptonError } from '../errors.ts'
import { type Values, valuesKey } from '../store/row-key.ts'
import type { ChangedRows } from '../store/row-register.ts'
import type { ChangeableTable } from '../store/schema.ts'
import { noTenant } from './key-record.ts'

/** Who or what hangs on rows: whose system and service it is, by which authority it was vouched for, what its role is. */
export interface Dependent {
  readonly tenant: Uint8Array
  readonly system?: Uint8Array
  readonly service?: Uint8Array
  readonly client?: Uint8Array
  readonly authority?: Uint8Array
  /** Name of a role that the tenant has made. */
  readonly role?: string
}

/**
 * What is refused because rows were changed from outside: what hangs on the rows that are named, and everything where they are not. It ends when the rows are those that were written again, or an operator takes them as they are
 * (`docs/decisions/0017`).
 */
export class Distrust {
  static readonly none = new Distrust([])
  /** Every request and every act is refused. */
  readonly ofAll: boolean
  /** Jobs do not run: rows that say what is to be done, or what is to be kept, were changed. */
  readonly ofWork: boolean
  readonly #places = new Set<string>()

  constructor(changed: readonly ChangedRows[]) {
    const reaches = changed.map(({ table, rows }) => reachOf[table] && { ...reachOf[table], rows })
    this.ofWork = reaches.some((reach) => reach?.isWork === true)
    let ofAll = false
    for (const reach of reaches) {
      if (reach === undefined || reach.isWork === true) continue
      const { columns, rows } = reach
      if (rows === undefined || columns.length === 0) ofAll = true
      for (const row of rows ?? []) this.#places.add(placeText(columns, row))
    }
    // The system's own rows stand under a tenant of zeros.
    this.ofAll = ofAll || this.#places.has(placeText(['tenant'], { tenant: noTenant }))
  }

  /** What that dependent is to be refused with; undefined when nothing keeps it from being served. */
  refusalOf(dependent: Dependent): KryptonError | undefined {
    if (this.ofAll) return rowsChanged()
    if (this.#places.size === 0) return undefined
    const isRefused = (columns: Reach['columns']): boolean =>
      columns.every((column) => dependent[column] !== undefined) &&
      this.#places.has(placeText(columns, { ...dependent }))
    return placesOfDependents.some(isRefused) ? rowsChanged() : undefined
  }

  /** @throws KryptonError rows-changed: nothing of it is to be used */
  assertTrusted(dependent: Dependent): void {
    const refusal = this.refusalOf(dependent)
    if (refusal !== undefined) throw refusal
  }

  /** @throws KryptonError rows-changed: no key is to be made, and no job to be run */
  assertWork(): void {
    if (this.ofAll || this.ofWork) throw rowsChanged()
  }
}

/** For clients and operators: what is wrong, and who ends it. It names nothing of others. */
export function rowsChanged(): KryptonError {
  return new KryptonError(
    'rows-changed',
    'Ask the operator of this server: rows of its database that say who is trusted or what keys are were changed from outside, and what hangs on them is refused until the database is restored (krypton changed-rows list)',
  )
}

interface Reach {
  /** The columns of the primary key that say what hangs on a row; none: everything does. */
  readonly columns: readonly (keyof Dependent)[]
  readonly isWork?: true
}

const everything: Reach = { columns: [] }
const work: Reach = { columns: [], isWork: true }
const ofTenant: Reach = { columns: ['tenant'] }
const ofSystem: Reach = { columns: ['tenant', 'system'] }
const ofService: Reach = { columns: ['tenant', 'system', 'service'] }
const ofClient: Reach = { columns: ['tenant', 'client'] }

/** What hangs on the rows of a table; undefined where changed rows are only told. A new table does not compile without its line. */
const reachOf: { readonly [T in ChangeableTable]: Reach | undefined } = {
  manifest: everything,
  seals: everything,
  ivks: everything,
  integrity_keys: ofTenant,
  tenant_keys: ofSystem,
  service_keys: ofService,
  l1_links: ofSystem,
  linked_keys: ofSystem,
  // Which system it is for stands in the row, which is not believed.
  break_glass: ofTenant,
  tenants: ofTenant,
  systems: ofSystem,
  services: ofService,
  authorities: { columns: ['authority'] },
  clients: ofClient,
  credentials: ofClient,
  roles: { columns: ['tenant', 'role'] },
  // What these say is when keys are made anew, let go of and counted: nobody is served by them.
  integrity_key_times: work,
  wrap_budgets: work,
  kept_backups: work,
  rotation_periods: work,
  previous_key_records: work,
  previous_object_records: work,
  jobs: work,
  objects: undefined,
  nonce_counts: undefined,
  object_index: undefined,
}

const placesOfDependents = [...new Set(Object.values(reachOf).map((reach) => reach?.columns ?? []))].filter(
  ({ length }) => length > 0,
)

/** The name of a role stands in a column of that name. */
function placeText(columns: readonly (keyof Dependent)[], row: Values): string {
  const named = { role: row['name'], ...row }
  return valuesKey(columns.join(), columns, named)
}
