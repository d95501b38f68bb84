/** What the planted entry of a worker thread is told to do, instead of cryptography. */
export interface PlantedInput {
  /** Wait until the first number here is not 0. */
  readonly gate?: Int32Array<SharedArrayBuffer>
  /** End the thread. */
  readonly exit?: true
  /** Throw what is no refusal. */
  readonly fault?: true
  /** Is written down here, in the order in which tasks run. */
  readonly order?: Int32Array<SharedArrayBuffer>
  readonly mark?: number
}

export default function plantedTask({ input }: { input: PlantedInput }): { value: number } {
  const { gate, exit, fault, order, mark = 0 } = input
  if (gate !== undefined) Atomics.wait(gate, 0, 0)
  if (exit === true) process.exit(3)
  if (fault === true) throw new TypeError('planted')
  if (order !== undefined) order[1 + Atomics.add(order, 0, 1)] = mark
  return { value: mark }
}
