import { KeyState } from './key-state.ts'

/** What a key of the hierarchy wraps with, by where it stands: the IVK, a Tenant Key (L2), a Service Key (L3). */
export type KeyRole = 'ivk' | 'tenant key' | 'service key'

/**
 * What somebody does with a version of a key:
 * `wrap` seals something new under it; `unwrap` opens, for a request, what it once sealed; `move` opens that to wrap it anew, or to look whether it opens; `encrypt` and `decrypt` take a client's data;
 * `hand out` gives the key itself away.
 */
export const keyUses = ['wrap', 'unwrap', 'move', 'encrypt', 'decrypt', 'hand out'] as const
export type KeyUse = (typeof keyUses)[number]

/** `break-glass`: only while an operator's grant says so. */
export type Allowance = 'yes' | 'no' | 'break-glass'

/** Whether a version in `state` of a key of that role may be used so: by NIST SP 800-57 part 1, section 7. A key that wraps keys is never used on data, and never leaves. */
export function allowance(role: KeyRole, state: KeyState, use: KeyUse): Allowance {
  if (use !== 'wrap' && use !== 'unwrap' && use !== 'move') return 'no'
  const allowed = uses[state][use]
  // Every tenant's rows are authenticated by what the IVK wraps, and a rotation moves all of it within seconds.
  return allowed === 'break-glass' && role === 'ivk' ? 'yes' : allowed
}

const uses: Readonly<Record<KeyState, Readonly<Record<'wrap' | 'unwrap' | 'move', Allowance>>>> = {
  [KeyState.Pending]: { wrap: 'no', unwrap: 'no', move: 'no' },
  [KeyState.Active]: { wrap: 'yes', unwrap: 'yes', move: 'yes' },
  [KeyState.Grace]: { wrap: 'no', unwrap: 'yes', move: 'yes' },
  [KeyState.Deprecated]: { wrap: 'no', unwrap: 'yes', move: 'yes' },
  [KeyState.Retired]: { wrap: 'no', unwrap: 'no', move: 'no' },
  [KeyState.Compromised]: { wrap: 'no', unwrap: 'break-glass', move: 'yes' },
  [KeyState.Suspended]: { wrap: 'no', unwrap: 'yes', move: 'yes' },
  [KeyState.Deactivated]: { wrap: 'no', unwrap: 'yes', move: 'yes' },
  [KeyState.Expired]: { wrap: 'no', unwrap: 'no', move: 'yes' },
}
