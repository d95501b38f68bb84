/** Buckets to each power of two: values are kept to 1/128, better than one percent. */
const fine = 128
/** 2^32 µs is over an hour: whatever waits longer is counted there. */
const exponents = 32 - 7

/**
 * A log-linear histogram of microseconds (the form of HdrHistogram). Its counts are one typed array, so that those of several
 * processes are added up; the histogram of node:perf_hooks cannot leave its process.
 */
export class LatencyHistogram {
  readonly counts: Float64Array
  total = 0
  sum = 0
  max = 0

  constructor(counts: Float64Array = new Float64Array(fine * (exponents + 1))) {
    this.counts = counts
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i]!
      if (count === 0) continue
      this.total += count
      this.sum += count * midpoint(i)
      this.max = upper(i)
    }
  }

  /** Adds one value in microseconds; a negative one counts as 0. */
  record(microseconds: number): void {
    const value = microseconds > 0 ? microseconds : 0
    this.counts[indexOf(value)]!++
    this.total++
    this.sum += value
    if (value > this.max) this.max = value
  }

  /** Adds the counts of another one. */
  add(other: LatencyHistogram): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i]! += other.counts[i]!
    this.total += other.total
    this.sum += other.sum
    if (other.max > this.max) this.max = other.max
  }

  /** The value below which `percent` of the values lie, in microseconds, at most 0.8 % too high. 0 when there is none. */
  percentile(percent: number): number {
    if (this.total === 0) return 0
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.total))
    let seen = 0
    for (let i = 0; i < this.counts.length; i++) {
      seen += this.counts[i]!
      if (seen >= wanted) return Math.min(upper(i), this.max)
    }
    return this.max
  }

  get mean(): number {
    return this.total === 0 ? 0 : this.sum / this.total
  }

  reset(): void {
    this.counts.fill(0)
    this.total = 0
    this.sum = 0
    this.max = 0
  }

  /** For a picture: upper edge in microseconds and count of each step that is not empty, eight steps to each doubling. */
  steps(): [number, number][] {
    const coarse = fine / 8
    const steps: [number, number][] = []
    for (let i = 0; i < this.counts.length; i += coarse) {
      let count = 0
      for (let j = i; j < i + coarse; j++) count += this.counts[j]!
      if (count > 0) steps.push([upper(i + coarse - 1), count])
    }
    return steps
  }

  /** The figures that a table shows, in microseconds, rounded to a tenth. */
  summary(): LatencySummary {
    const at = (percent: number): number => round(this.percentile(percent))
    return {
      count: this.total,
      mean: round(this.mean),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: round(this.max),
    }
  }
}

export interface LatencySummary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

function indexOf(value: number): number {
  if (value < fine) return value | 0
  const whole = value >= 0xffffffff ? 0xffffffff : value >>> 0
  const exponent = 31 - Math.clz32(whole) - 6
  return exponent * fine + ((whole >>> (exponent - 1)) & (fine - 1))
}

function upper(index: number): number {
  const exponent = (index / fine) | 0
  if (exponent === 0) return index + 1
  return (fine + (index % fine) + 1) * 2 ** (exponent - 1)
}

function midpoint(index: number): number {
  const exponent = (index / fine) | 0
  return exponent === 0 ? index + 0.5 : (fine + (index % fine) + 0.5) * 2 ** (exponent - 1)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
