import { bytes, type Columns, flag, id, integer, nullable, type RowOf, text } from './column.ts'

/**
 * The two parts of a store: keys that wrap keys, and everything else. Each has its own transactions and its own audit table,
 * so that backups of keys can be kept for a shorter time than backups of data.
 */
export type Section = 'keys' | 'data'

/** An index of a table. With `unique`, its name is what 'store-unique' tells the asker. */
export interface Index<N extends string = string> {
  readonly columns: readonly N[]
  readonly unique?: boolean
  /** The index holds only rows for which all of these are true. */
  readonly where?: readonly Condition<N>[]
}

/** What a row must be like to stand in a partial index. */
export type Condition<N extends string = string> =
  | { readonly column: N; readonly equals: string | number }
  | { readonly column: N; readonly atMost: number }
  | { readonly column: N; readonly present: true }

/** A table, described once: rows' types, SQL and MACs all follow from here. */
export interface Table<C extends Columns = Columns, K extends keyof C = keyof C> {
  readonly section: Section
  readonly columns: C
  readonly key: readonly K[]
  readonly indexes: Readonly<Record<string, Index>>
  /** A change of this table changes who is trusted: it moves the slot `trust` of the version table. */
  readonly trust: boolean
  /** Rows of an authenticated table carry `row_version` and `mac`. */
  readonly authenticated: boolean
}

interface TableOptions<N extends string> {
  readonly indexes?: Readonly<Record<string, Index<N>>>
  readonly trust?: boolean
}

/** A table whose rows count their changes and carry a MAC over all their columns: the last two columns are made here, for every one of them. */
function authenticated<const C extends Columns, const K extends keyof C & string>(
  section: Section,
  columns: C,
  key: readonly K[],
  options: TableOptions<keyof C & string> = {},
) {
  const all = { ...columns, row_version: integer, mac: bytes }
  const { indexes = {}, trust = false } = options
  return { section, columns: all, key, indexes, trust, authenticated: true as const } satisfies Table
}

/** A table of what is computed from other rows and believed of none (`docs/decisions/0002`): no version, no MAC. */
function derived<const C extends Columns, const K extends keyof C & string>(
  section: Section,
  columns: C,
  key: readonly K[],
  indexes: Readonly<Record<string, Index<keyof C & string>>>,
) {
  return { section, columns, key, indexes, trust: false, authenticated: false as const } satisfies Table
}

/** Version of this schema, kept in each file as `user_version`. A newer version only adds tables, so that rows of an older one keep their MACs. */
export const schemaVersion = 9

/**
 * What a record was before it was wrapped anew: it stays until the new one was read back and opened. `holder` is the identifier of the key or
 * object that the record holds. Not `tenant`: what is written here says nothing of a tenant that a thread should read anew.
 */
const previousRecord = {
  owner: id,
  holder: id,
  of_table: text,
  system: id,
  service: id,
  version: integer,
  parent_version: integer,
  blob_version: integer,
  record: bytes,
} as const
const previousRecordKey = ['owner', 'holder'] as const

/** Every table whose rows are authenticated. A tenant of zeros is the system itself. */
export const schema = {
  manifest: authenticated(
    'keys',
    {
      id: text,
      format_version: integer,
      cluster: id,
      incarnation: id,
      epoch: integer,
      development: flag,
      master_key_verifier: bytes,
      created: integer,
    },
    ['id'],
  ),
  seals: authenticated(
    'keys',
    { id, type: text, config_id: bytes, epoch: integer, generation: integer, blob: bytes, created: integer },
    ['id'],
  ),
  integrity_keys: authenticated(
    'keys',
    { tenant: id, version: integer, key_id: id, state: integer, parent_version: integer, record: bytes },
    ['tenant', 'version'],
  ),
  // When a version of an integrity key was made; the first of each has none.
  integrity_key_times: authenticated('keys', { key_id: id, created: integer }, ['key_id']),
  ivks: authenticated(
    'keys',
    { version: integer, key_id: id, suite: integer, state: integer, created: integer, record: bytes },
    ['version'],
  ),
  tenant_keys: authenticated(
    'keys',
    {
      tenant: id,
      system: id,
      version: integer,
      key_id: id,
      state: integer,
      parent_version: integer,
      created: integer,
      record: bytes,
    },
    ['tenant', 'system', 'version'],
  ),
  service_keys: authenticated(
    'keys',
    {
      tenant: id,
      system: id,
      service: id,
      version: integer,
      key_id: id,
      state: integer,
      parent_version: integer,
      created: integer,
      record: bytes,
    },
    ['tenant', 'system', 'service', 'version'],
  ),
  // What an operator lets through although a key is compromised: gone when it ends. A service of zeros stands for all of the system.
  break_glass: authenticated(
    'keys',
    {
      tenant: id,
      grant: id,
      system: id,
      service: id,
      reason: text,
      actor: text,
      created: integer,
      expires: integer,
    },
    ['tenant', 'grant'],
  ),
  // The versions of the link key S of a system whose tenant has linked a key of its own (L1), each with the L1 that wraps it. `record` holds the credentials for that.
  l1_links: authenticated(
    'keys',
    {
      tenant: id,
      system: id,
      version: integer,
      key_id: id,
      state: integer,
      provider: text,
      key_name: text,
      settings: text,
      parent_version: integer,
      record: bytes,
      wrapped_by: bytes,
      mechanism: text,
      wrapped: bytes,
      check_value: bytes,
      mode: integer,
      lease_seconds: integer,
      switch_state: integer,
      created: integer,
    },
    ['tenant', 'system', 'version'],
  ),
  // The Tenant Keys that are under a link key: one row for each such version. `record` is the second copy of what `tenant_keys` holds.
  linked_keys: authenticated(
    'keys',
    {
      tenant: id,
      system: id,
      version: integer,
      key_id: id,
      link_version: integer,
      check_value: bytes,
      parent_version: integer,
      record: bytes,
    },
    ['tenant', 'system', 'version'],
  ),
  tenants: authenticated('data', { tenant: id, name: text, state: integer, created: integer }, ['tenant'], {
    indexes: { tenant_name: { columns: ['name'], unique: true } },
    trust: true,
  }),
  systems: authenticated(
    'data',
    { tenant: id, system: id, name: text, state: integer, created: integer },
    ['tenant', 'system'],
    {
      indexes: { system_name: { columns: ['tenant', 'name'], unique: true } },
    },
  ),
  services: authenticated(
    'data',
    { tenant: id, system: id, service: id, name: text, state: integer, created: integer },
    ['tenant', 'system', 'service'],
    { indexes: { service_name: { columns: ['tenant', 'system', 'name'], unique: true } } },
  ),
  authorities: authenticated(
    'data',
    { authority: id, tenant: id, public_key_hash: bytes, certificate: bytes, state: integer, created: integer },
    ['authority'],
    {
      indexes: {
        authority_public_key: { columns: ['public_key_hash'], unique: true },
        authority_tenant: { columns: ['tenant'] },
      },
      trust: true,
    },
  ),
  clients: authenticated(
    'data',
    {
      tenant: id,
      client: id,
      system: id,
      service: id,
      name: text,
      issuer_key_hash: bytes,
      leaf_key_hash: bytes,
      operations: bytes,
      state: integer,
      created: integer,
      revoked: nullable(integer),
    },
    ['tenant', 'client'],
    {
      indexes: {
        client_identity: { columns: ['issuer_key_hash', 'leaf_key_hash'], unique: true },
        client_name: { columns: ['tenant', 'name'], unique: true },
      },
      trust: true,
    },
  ),
  credentials: authenticated(
    'data',
    { tenant: id, client: id, type: integer, verifier: bytes, created: integer },
    ['tenant', 'client'],
    { trust: true },
  ),
  roles: authenticated('data', { tenant: id, name: text, rules: bytes, created: integer }, ['tenant', 'name'], {
    trust: true,
  }),
  objects: authenticated(
    'data',
    {
      tenant: id,
      system: id,
      service: id,
      object: id,
      sequence: integer,
      object_type: integer,
      state: integer,
      activation_date: nullable(integer),
      deactivation_date: nullable(integer),
      algorithm: integer,
      length_bits: integer,
      key_format_type: integer,
      data_type: integer,
      attributes: bytes,
      key_version: integer,
      blob_version: integer,
      record: bytes,
    },
    ['tenant', 'system', 'service', 'object'],
    {
      indexes: {
        object_state: { columns: ['tenant', 'system', 'service', 'object_type', 'state', 'sequence', 'object'] },
        // What changes its state by itself when a date passes: Pre-Active (1) becomes Active (2), both become Deactivated. A row
        // leaves these indexes when its new state is written.
        object_activation: {
          columns: ['tenant', 'system', 'service', 'activation_date'],
          where: [
            { column: 'state', equals: 1 },
            { column: 'activation_date', present: true },
          ],
        },
        object_deactivation: {
          columns: ['tenant', 'system', 'service', 'deactivation_date'],
          where: [
            { column: 'state', atMost: 2 },
            { column: 'deactivation_date', present: true },
          ],
        },
      },
    },
  ),
  // How many random nonces were leased for a key: a row from the first of them on.
  nonce_counts: authenticated('data', { tenant: id, system: id, service: id, object: id, leased: integer }, [
    'tenant',
    'system',
    'service',
    'object',
  ]),
  // How many records a version of the IVK may have wrapped: reserved in blocks, before the first of each.
  wrap_budgets: authenticated('keys', { key_id: id, reserved: integer }, ['key_id']),
  // Copies of the database that an operator keeps: no version of a key that was there when one was noted goes before it.
  kept_backups: authenticated('keys', { name: text, covers: integer, until: integer, created: integer }, ['name']),
  rotation_periods: authenticated('data', { tenant: id, tenant_key_days: integer, service_key_days: integer }, [
    'tenant',
  ]),
  previous_key_records: authenticated('keys', previousRecord, previousRecordKey),
  previous_object_records: authenticated('data', previousRecord, previousRecordKey),
  // Not `tenant`: a job's progress must not make every thread read that tenant's rows anew.
  jobs: authenticated(
    'data',
    {
      job: id,
      owner: id,
      kind: text,
      lane: text,
      subject: text,
      parameters: text,
      state: integer,
      sequence: integer,
      created: integer,
      due: integer,
      started: nullable(integer),
      ended: nullable(integer),
      attempts: integer,
      done: integer,
      total: integer,
      position: bytes,
      detail: text,
    },
    ['job'],
  ),
} as const satisfies Record<string, Table>

/**
 * What Locate searches: a row for each token of an object, inserted and deleted with the change of the object and never
 * updated. It repeats the object's `sequence`, so that a page of a long list is read in order without reading the list.
 */
export const objectIndex = derived(
  'data',
  { tenant: id, system: id, service: id, attribute: text, token: bytes, sequence: integer, object: id },
  ['tenant', 'system', 'service', 'attribute', 'token', 'sequence', 'object'],
  {
    object_name: {
      columns: ['tenant', 'system', 'service', 'token'],
      unique: true,
      where: [{ column: 'attribute', equals: 'name' }],
    },
  },
)

/** The columns of `audit`, a table in both sections. `sequence` is given by the store, in the order of commits. */
export const auditColumns = {
  sequence: integer,
  time: integer,
  tenant: id,
  actor: text,
  operation: text,
  object: nullable(id),
  result: text,
  detail: text,
} as const satisfies Columns

/**
 * The columns of `set_digests`, a table in both sections with one row: what all other rows are together (`set-digest.ts`). The writer alone changes it, in the
 * transaction of every change.
 */
export const setDigestColumns = {
  section: text,
  key_version: integer,
  nonce: bytes,
  sets: bytes,
  row_version: integer,
  mac: bytes,
} as const satisfies Columns

export type TableName = keyof typeof schema

/** Tables that a unit may change. */
export type ChangeableTable = TableName | 'object_index'

type TableOf<T extends ChangeableTable> = T extends TableName ? (typeof schema)[T] : typeof objectIndex

/** A row of table T. Its bytes are the store's or the caller's for good: nobody writes into them. */
export type Row<T extends ChangeableTable> = RowOf<TableOf<T>['columns']>

/** The primary key of a row of table T. */
export type KeyOf<T extends ChangeableTable> = Pick<Row<T>, Extract<TableOf<T>['key'][number], keyof Row<T>>>

/** A row of the audit table as it is written. */
export type AuditRow = Omit<RowOf<typeof auditColumns>, 'sequence'>

export type SetDigestRow = RowOf<typeof setDigestColumns>

/** A row of the audit table as it is read. */
export type StoredAuditRow = RowOf<typeof auditColumns>

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a literal are those of its type
export const tableNames = Object.keys(schema) as TableName[]

/** The description of a table, for code that works on any of them. */
export function tableOf(table: ChangeableTable): Table {
  return table === 'object_index' ? objectIndex : schema[table]
}

export { macInput } from './mac-input.ts'
