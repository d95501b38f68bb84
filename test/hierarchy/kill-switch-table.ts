import type { ExternalKeyRefusal } from '../../src/external-keys/external-key.ts'

/** What is served after the L1 has come to its state: at once, after the next renewal, after the lease, after 24 hours. */
export const outcomes = {
  served: [true, true, true, true],
  refused: [false, false, false, false],
  'served until the next renewal': [true, false, false, false],
  'served until the lease ends': [true, true, false, false],
  'served for 24 hours': [true, true, true, false],
} as const satisfies Record<string, readonly boolean[]>

/** What the L1 answers in a state. */
export const l1States = {
  enabled: undefined,
  disabled: 'external-key-disabled',
  unreachable: 'external-key-unreachable',
  deleted: 'external-key-not-found',
} as const satisfies Record<string, ExternalKeyRefusal | undefined>

/** A cell of the truth table that docs/operate/kill-switch.md shows. */
export interface KillSwitchCell {
  readonly l1: keyof typeof l1States | 'rotated'
  readonly keys: 'cached' | 'cold'
  readonly mode: 'strict' | 'available' | 'provider'
  readonly outcome: keyof typeof outcomes
}

const rows: readonly (readonly [KillSwitchCell['l1'], KillSwitchCell['keys'], ...KillSwitchCell['outcome'][]])[] = [
  ['enabled', 'cached', 'served', 'served', 'served'],
  ['enabled', 'cold', 'served', 'served', 'served'],
  ['rotated', 'cached', 'served', 'served', 'served'],
  ['rotated', 'cold', 'served', 'served', 'served'],
  ['disabled', 'cached', 'served until the next renewal', 'served until the next renewal', 'served'],
  ['disabled', 'cold', 'refused', 'refused', 'served'],
  ['deleted', 'cached', 'served until the next renewal', 'served until the next renewal', 'served'],
  ['deleted', 'cold', 'refused', 'refused', 'served'],
  ['unreachable', 'cached', 'served until the lease ends', 'served for 24 hours', 'served'],
  ['unreachable', 'cold', 'refused', 'refused', 'served'],
]

/** Every cell: state of the L1 × keys in memory or not × mode. */
export const killSwitch: readonly KillSwitchCell[] = rows.flatMap(([l1, keys, ...byMode]) =>
  (['strict', 'available', 'provider'] as const).map((mode, at) => ({ l1, keys, mode, outcome: byMode[at]! })),
)
