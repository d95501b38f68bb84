import { Mutator } from './mutator.ts'
import { Random } from './random.ts'
import { execute, Finding } from './target.ts'
import type { Target } from './target.ts'

/** No input may take longer. */
export const inputMsMax = 50

/** A chunk of the run: the same for the same seed, number and seeds. */
export interface ChunkResult {
  readonly executions: number
  readonly pastHeader: number
  readonly messages: number
  readonly slowestMs: number
  readonly finding: { readonly what: string; readonly hex: string } | undefined
}

export class Executor {
  readonly #seeds: readonly Buffer[]
  readonly #target: Target

  constructor(target: Target, seeds: readonly Buffer[]) {
    this.#target = target
    this.#seeds = seeds
  }

  /** Runs `count` inputs, or fewer when one of them finds something. */
  run(seed: number, chunk: number, count: number, discoveries: number): ChunkResult {
    const random = new Random(seed, chunk)
    const mutator = new Mutator(this.#seeds, random)
    // inputs that went a way that none went before are seeds for the rest of the chunk
    const known = new Set<string>()
    let discovered = 0
    let pastHeader = 0
    let messages = 0
    let slowestMs = 0
    for (let executions = 1; executions <= count; executions++) {
      const input = mutator.next()
      const started = performance.now()
      try {
        const { reached, signature } = execute(this.#target, input, random, mutator.valuesOnly)
        if (reached !== 'nothing') pastHeader += 1
        if (reached === 'message') messages += 1
        if (!known.has(signature)) {
          known.add(signature)
          if (discovered++ < discoveries && input.length <= 8192) mutator.add(input)
        }
        const ms = performance.now() - started
        if (ms > inputMsMax) this.#confirmSlow(input, mutator.valuesOnly)
        else if (ms > slowestMs) slowestMs = ms
      } catch (error) {
        const what = error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : String(error)
        const finding = { what, hex: input.toString('hex') }
        return { executions, pastHeader, messages, slowestMs, finding }
      }
    }
    return { executions: count, pastHeader, messages, slowestMs, finding: undefined }
  }

  /** The machine may have been busy: slow is what takes the processor that long, five times more. */
  #confirmSlow(input: Buffer, valuesOnly: boolean): void {
    let fastest = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const before = process.threadCpuUsage()
      execute(this.#target, input, new Random(0, 0), valuesOnly)
      const { user, system } = process.threadCpuUsage(before)
      fastest = Math.min(fastest, (user + system) / 1000)
    }
    if (fastest > inputMsMax) throw new Finding(`an input took ${fastest.toFixed(0)} ms`)
  }
}
