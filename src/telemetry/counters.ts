/** Why a connection was ended by us. */
export const cutReasons = [
  'handshake-slow',
  'first-byte-slow',
  'frame-slow',
  'frame-invalid',
  'write-slow',
  'idle',
  'unknown-client',
  'too-many-connections',
  'too-many-of-certificate',
  'too-many-of-address',
  'handshake-queue-full',
  'memory',
  'drain',
  'internal',
] as const
export type CutReason = (typeof cutReasons)[number]

/** Single counters of a thread. */
export const counterNames = [
  'threadStarts',
  'connectionsOpen',
  'connectionsTotal',
  'handshakesOk',
  'handshakesFailed',
  'handshakesWaiting',
  'unknownClients',
  'logLinesLeftOut',
  'refusalsNotFound',
  'refusalsPermission',
  'refusalsCredential',
  'refusalRecordsLeftOut',
  'bytesReceived',
  'bytesSent',
  'requestsTotal',
  'latencySecondsSum',
] as const
export type CounterName = (typeof counterNames)[number]

/** Upper ends of the latency histogram's buckets in seconds; one more takes what is slower. */
export const latencyBucketSeconds = [
  25e-6, 50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 3.2e-3, 6.4e-3, 12.8e-3, 25.6e-3, 51.2e-3, 0.1, 0.25, 0.5, 1, 5,
  10,
] as const

/** Operations are counted by their KMIP number: those of KMIP 1 and 2 are below this; others are counted together at 0. */
export const operationsEnd = 64

/**
 * Counters of one thread in shared memory: it alone writes them, the main thread reads them for /metrics. Each is a double of its own, which
 * is read whole on every machine that Node runs on, so a count costs one addition.
 */
export class Counters {
  /** What the counters live in: hand it to the main thread. */
  readonly memory: SharedArrayBuffer
  readonly #values: Float64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(slotCount * Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#values = new Float64Array(memory)
  }

  /** A thread begins. What says how things are now is zero: a thread that died has left it as it was. What was counted stays. */
  threadBegins(): void {
    this.add('threadStarts')
    for (const name of gauges) this.#values[single.get(name)!] = 0
  }

  add(name: CounterName, amount = 1): void {
    this.#values[single.get(name)!]! += amount
  }

  /** `add('bytesReceived', bytes)`, for every chunk: without a look-up by name. */
  received(bytes: number): void {
    this.#values[bytesReceived]! += bytes
  }

  /** `add('bytesSent', bytes)`, for every answer. */
  sent(bytes: number): void {
    this.#values[bytesSent]! += bytes
  }

  read(name: CounterName): number {
    return this.#values[single.get(name)!]!
  }

  cut(reason: CutReason): void {
    this.#values[cutStart + cutReasons.indexOf(reason)]! += 1
  }

  readCut(reason: CutReason): number {
    return this.#values[cutStart + cutReasons.indexOf(reason)]!
  }

  /** Counts a batch item and how it ended. */
  operation(operation: number, ok: boolean): void {
    const known = operation > 0 && operation < operationsEnd ? operation : 0
    this.#values[operationStart + known * 2 + (ok ? 0 : 1)]! += 1
  }

  readOperation(operation: number, ok: boolean): number {
    return this.#values[operationStart + operation * 2 + (ok ? 0 : 1)]!
  }

  /** Counts a request that took so long from its last byte to its answer. */
  request(milliseconds: number): void {
    const seconds = milliseconds / 1000
    let bucket = 0
    while (bucket < bucketEnds.length && seconds > bucketEnds[bucket]!) bucket += 1
    this.#values[latencyStart + bucket]! += 1
    this.#values[requestsTotal]! += 1
    this.#values[latencySecondsSum]! += seconds
  }

  /** Requests in each bucket of the histogram, the last those that were slower than all ends. */
  readLatency(): number[] {
    return [...this.#values.subarray(latencyStart, latencyStart + latencyBucketSeconds.length + 1)]
  }
}

const gauges: readonly CounterName[] = ['connectionsOpen', 'handshakesWaiting']
const bucketEnds = Float64Array.from(latencyBucketSeconds)
const single: ReadonlyMap<CounterName, number> = new Map(counterNames.map((name, index) => [name, index]))
const bytesReceived = single.get('bytesReceived')!
const bytesSent = single.get('bytesSent')!
const requestsTotal = single.get('requestsTotal')!
const latencySecondsSum = single.get('latencySecondsSum')!
const cutStart = counterNames.length
const operationStart = cutStart + cutReasons.length
const latencyStart = operationStart + operationsEnd * 2
const slotCount = latencyStart + latencyBucketSeconds.length + 1
