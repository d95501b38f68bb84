/** What clients of a role may ask for: the union of its rules. */
export interface Role {
  readonly name: string
  readonly rules: readonly RoleRule[]
}

/** Operations, and the objects on which they are allowed. */
export interface RoleRule {
  /** By their KMIP number. */
  readonly operations: ReadonlySet<number>
  /** Object Types by their KMIP number; undefined: all. */
  readonly objectTypes: ReadonlySet<number> | undefined
  /** Objects with one of these Object Groups; undefined: all, also those without a group. */
  readonly objectGroups: ReadonlySet<string> | undefined
}

/** The column `rules`: JSON of lists in ascending order. */
export function encodeRules(rules: readonly RoleRule[]): Buffer {
  const stored: StoredRule[] = rules.map(({ operations, objectTypes, objectGroups }) => ({
    operations: ascending(operations),
    objectTypes: objectTypes && ascending(objectTypes),
    objectGroups: objectGroups && [...objectGroups].toSorted(),
  }))
  return Buffer.from(JSON.stringify(stored), 'utf8')
}

/** The inverse of `encodeRules`, for rows whose MAC has been verified. */
export function decodeRules(bytes: Uint8Array): RoleRule[] {
  // Only `encodeRules` writes what a MAC of ours authenticates.
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredRule[]
  return stored.map(({ operations, objectTypes, objectGroups }) => ({
    operations: new Set(operations),
    objectTypes: objectTypes && new Set(objectTypes),
    objectGroups: objectGroups && new Set(objectGroups),
  }))
}

interface StoredRule {
  readonly operations: readonly number[]
  readonly objectTypes?: readonly number[]
  readonly objectGroups?: readonly string[]
}

const ascending = (numbers: ReadonlySet<number>): number[] => [...numbers].toSorted((left, right) => left - right)
