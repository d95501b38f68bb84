/**
 * How long the other side is waited for while it sends or takes something. Each byte of it gives some time more, up to a bound: whoever goes on at a
 * least rate is waited for until all is there, and whoever stops is not for longer, however fast it was before.
 */
export class Patience {
  readonly #bytesPerSecondMin: number
  #untilMs = 0
  #bytes = 0

  constructor(bytesPerSecondMin: number) {
    this.#bytesPerSecondMin = bytesPerSecondMin
  }

  /** Waits for something anew, of which so much is there. */
  begin(nowMs: number, graceMs: number, bytes = 0): void {
    this.#untilMs = nowMs + graceMs
    this.#bytes = bytes
  }

  /** True if too little has come. Ask it a few times in `mostMs`, with all bytes that are there by now. */
  isOver(nowMs: number, bytes: number, mostMs: number): boolean {
    if (bytes > this.#bytes) {
      const moreMs = ((bytes - this.#bytes) / this.#bytesPerSecondMin) * 1000
      this.#untilMs = Math.min(this.#untilMs + moreMs, nowMs + mostMs)
      this.#bytes = bytes
    }
    return nowMs > this.#untilMs
  }
}
