import type { Window } from './window.ts'

/** Two windows that were taken one after the other. */
export interface Pair {
  readonly reference: Window
  readonly server: Window
}

export interface Pairs {
  readonly used: readonly Pair[]
  readonly discarded: number
  /** True when too few pairs were quiet, so that the quietest of all had to do. */
  readonly noisy: boolean
}

/** A pair in which others used more than this is thrown away. */
export const othersCoresMax = 0.3
/** Takes pairs, each time in the other order, until `wanted` of them were quiet; after `triesMax` the quietest are used as they are. */
export async function takePairs(
  { wanted, triesMax }: { readonly wanted: number; readonly triesMax: number },
  reference: () => Promise<Window>,
  server: () => Promise<Window>,
  onPair?: (pair: Pair, quiet: boolean) => void,
): Promise<Pairs> {
  const all: Pair[] = []
  const quiet: Pair[] = []
  while (quiet.length < wanted && all.length < triesMax) {
    const serverFirst = all.length % 2 === 1
    const first = await (serverFirst ? server() : reference())
    const second = await (serverFirst ? reference() : server())
    const pair = serverFirst ? { reference: second, server: first } : { reference: first, server: second }
    all.push(pair)
    const isQuiet = othersOf(pair) <= othersCoresMax
    if (isQuiet) quiet.push(pair)
    onPair?.(pair, isQuiet)
  }
  if (quiet.length >= wanted) return { used: quiet, discarded: all.length - quiet.length, noisy: false }
  const quietest = [...all].sort((a, b) => othersOf(a) - othersOf(b)).slice(0, wanted)
  return { used: quietest, discarded: all.length - quietest.length, noisy: true }
}

export function othersOf(pair: Pair): number {
  return Math.max(pair.reference.othersCores, pair.server.othersCores)
}

/** Server CPU per request as a multiple of the reference, pair by pair. */
export function ratios(pairs: Pairs): number[] {
  return pairs.used.map(
    (pair) => pair.server.serverMicrosecondsPerRequest / pair.reference.serverMicrosecondsPerRequest,
  )
}
