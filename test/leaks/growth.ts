/** How the memory of a server grew while clients connected again and again. */
export interface Growth {
  /** After the warm-up, and after each round. */
  readonly residentKiB: readonly number[]
  /** KiB that each connection left behind. */
  readonly kibEach: number
}

export interface Grown {
  readonly connect: (count: number) => Promise<void>
  /** When all are gone, and what they left was collected. */
  readonly residentKiB: () => Promise<number>
}

/** Until the server's code is compiled and its heap has found its size. */
const warmUp = 3_000
const rounds = 8

/** The memory after each of several rounds of connections, `count` in all. */
export async function growthOf(count: number, { connect, residentKiB }: Grown): Promise<Growth> {
  await connect(warmUp)
  const seen = [await residentKiB()]
  for (let round = 0; round < rounds; round++) {
    await connect(Math.ceil(count / rounds))
    seen.push(await residentKiB())
  }
  return { residentKiB: seen, kibEach: slope(seen) / Math.ceil(count / rounds) }
}

/** The median of the slopes between any two: a heap that takes one page more, or gives one back, does not move it far. */
function slope(values: readonly number[]): number {
  const slopes = values.flatMap((value, at) => values.slice(at + 1).map((later, on) => (later - value) / (on + 1)))
  const sorted = slopes.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
