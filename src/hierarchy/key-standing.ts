import { KeyState } from './key-state.ts'

/** How a key stands, by the states of its versions in their order, for who is refused because of it: what it is, and what ends that. */
export function standingOf(states: readonly KeyState[]): string {
  if (states.includes(KeyState.Active)) return 'it is active'
  const counting = states.findLast((state) => standings[state] !== undefined)
  return standings[counting ?? KeyState.Retired] ?? 'it has no version that counts'
}

/** Versions in other states have been replaced: they say nothing of their key. */
const standings: Readonly<Partial<Record<KeyState, string>>> = {
  [KeyState.Pending]: 'it is announced and was never active: krypton key activate ends that',
  [KeyState.Suspended]: 'it is suspended: krypton key resume ends that',
  [KeyState.Deactivated]: 'it is deactivated, for good: use another system or service',
  [KeyState.Compromised]:
    'it is compromised and none has taken its place: krypton key break-glass grant opens what it holds, what is new needs another system or service',
  [KeyState.Retired]: 'it is destroyed, for good: use another system or service',
}
