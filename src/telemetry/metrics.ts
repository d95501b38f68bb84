import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { type CounterName, type Counters, cutReasons, latencyBucketSeconds, operationsEnd } from './counters.ts'

export { Counters, type CutReason } from './counters.ts'

/** Names of operations by their KMIP number, for labels: passed in, because telemetry knows no KMIP. */
export type OperationNames = (operation: number) => string | undefined

/** The memory that secrets are in, as it is just now. */
export interface SecretMemory {
  /** The addon holds them. */
  readonly native: boolean
  readonly lockedBytes: number
  readonly unlockedBytes: number
  readonly slots: number
  readonly slotsInUse: Readonly<Record<'object' | 'wrapping' | 'system', number>>
}

/** What is read when somebody asks for the figures. */
export interface MeasuredThings {
  readonly secretMemory: () => SecretMemory
  /** Rows that were changed from outside, by table. */
  readonly changedRows: () => ReadonlyMap<string, number>
}

/** The text of /metrics: the sum of all threads' counters, and the process's own figures. */
export class Metrics {
  readonly #threads: readonly Counters[]
  readonly #registry = new Registry()

  /** @param certificateEnd when the certificate that clients are shown ends */
  constructor(
    threads: readonly Counters[],
    operationName: OperationNames,
    certificateEnd: Date,
    { secretMemory, changedRows }: MeasuredThings,
  ) {
    this.#threads = threads
    collectDefaultMetrics({ register: this.#registry })
    const gauge = (name: string, help: string, counter: CounterName): void => {
      const metric: Gauge = new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect: () => metric.set(this.#sum(counter)),
      })
    }
    const count = (name: string, help: string, counter: CounterName): void => {
      const metric: Counter = new Counter({
        name,
        help,
        registers: [this.#registry],
        collect: () => {
          metric.reset()
          metric.inc(this.#sum(counter))
        },
      })
    }
    count(
      'krypton_listener_thread_starts_total',
      'Listener threads started, those that replaced a dead one too',
      'threadStarts',
    )
    gauge('krypton_connections_open', 'Connections open now', 'connectionsOpen')
    gauge('krypton_handshakes_waiting', 'Connections that wait for a handshake', 'handshakesWaiting')
    count('krypton_connections_total', 'Connections accepted', 'connectionsTotal')
    count('krypton_handshakes_total', 'TLS handshakes completed', 'handshakesOk')
    count('krypton_handshakes_failed_total', 'TLS handshakes that failed', 'handshakesFailed')
    count('krypton_unknown_clients_total', 'Connections whose certificate is bound to no client', 'unknownClients')
    count('krypton_log_lines_left_out_total', 'Lines about strangers that were not written', 'logLinesLeftOut')
    count(
      'krypton_refusal_records_left_out_total',
      'Audit records of refusals that were not written',
      'refusalRecordsLeftOut',
    )
    count('krypton_received_bytes_total', 'Bytes of requests', 'bytesReceived')
    count('krypton_sent_bytes_total', 'Bytes of answers', 'bytesSent')
    new Gauge({
      name: 'krypton_server_certificate_expiry_timestamp_seconds',
      help: "End of the server certificate's validity, seconds since 1970",
      registers: [this.#registry],
    }).set(Math.floor(certificateEnd.getTime() / 1000))
    this.#showSecretMemory(secretMemory)
    this.#showChangedRows(changedRows)
    this.#countCuts()
    this.#countRefusals()
    this.#countOperations(operationName)
  }

  /** In the text format of Prometheus. */
  async text(): Promise<string> {
    return `${await this.#registry.metrics()}${this.#latency()}`
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  #showSecretMemory(secretMemory: () => SecretMemory): void {
    const gauge = (name: string, help: string, read: (memory: SecretMemory) => number): void => {
      const metric: Gauge = new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect: () => metric.set(read(secretMemory())),
      })
    }
    gauge('krypton_native_addon_in_use', '1 when the addon holds keys, 0 when JavaScript does', ({ native }) => +native)
    gauge('krypton_memory_locked_bytes', 'Locked memory for keys', ({ lockedBytes }) => lockedBytes)
    gauge(
      'krypton_memory_unlocked_bytes',
      'Memory for keys whose lock was refused',
      ({ unlockedBytes }) => unlockedBytes,
    )
    gauge('krypton_secret_slots', 'Places for keys, used and free', ({ slots }) => slots)
    const used: Gauge<'class'> = new Gauge({
      name: 'krypton_secret_slots_in_use',
      help: 'Keys in locked memory, by class',
      labelNames: ['class'],
      registers: [this.#registry],
      collect: () => {
        for (const [name, count] of Object.entries(secretMemory().slotsInUse)) used.set({ class: name }, count)
      },
    })
  }

  #showChangedRows(changedRows: () => ReadonlyMap<string, number>): void {
    const metric: Gauge<'table'> = new Gauge({
      name: 'krypton_changed_rows',
      help: 'Rows changed from outside: what hangs on them is refused',
      labelNames: ['table'],
      registers: [this.#registry],
      collect: () => {
        metric.reset()
        for (const [table, count] of changedRows()) metric.set({ table }, count)
      },
    })
  }

  #countCuts(): void {
    const metric: Counter<'reason'> = new Counter({
      name: 'krypton_connections_cut_total',
      help: 'Connections that the server ended, by reason',
      labelNames: ['reason'],
      registers: [this.#registry],
      collect: () => {
        metric.reset()
        for (const reason of cutReasons) {
          metric.inc(
            { reason },
            this.#total((counters) => counters.readCut(reason)),
          )
        }
      },
    })
  }

  #countRefusals(): void {
    const metric: Counter<'reason'> = new Counter({
      name: 'krypton_refusals_total',
      help: 'Operations refused because the object is none of the client, or because it may not ask for them',
      labelNames: ['reason'],
      registers: [this.#registry],
      collect: () => {
        metric.reset()
        metric.inc({ reason: 'item-not-found' }, this.#sum('refusalsNotFound'))
        metric.inc({ reason: 'permission-denied' }, this.#sum('refusalsPermission'))
        metric.inc({ reason: 'authentication-not-successful' }, this.#sum('refusalsCredential'))
      },
    })
  }

  #countOperations(operationName: OperationNames): void {
    const metric: Counter<'operation' | 'result'> = new Counter({
      name: 'krypton_operations_total',
      help: 'KMIP operations, by operation and result',
      labelNames: ['operation', 'result'],
      registers: [this.#registry],
      collect: () => {
        metric.reset()
        for (let operation = 0; operation < operationsEnd; operation++) {
          for (const ok of [true, false]) {
            const value = this.#total((counters) => counters.readOperation(operation, ok))
            if (value === 0) continue
            metric.inc({ operation: operationName(operation) ?? 'other', result: ok ? 'success' : 'failure' }, value)
          }
        }
      },
    })
  }

  /** By hand: the library fills histograms only by single observations. */
  #latency(): string {
    const name = 'krypton_request_duration_seconds'
    const lines = [`# HELP ${name} From the last byte of a request to its answer`, `# TYPE ${name} histogram`]
    const buckets = this.#threads.map((counters) => counters.readLatency())
    let total = 0
    for (const [index, end] of [...latencyBucketSeconds, '+Inf'].entries()) {
      for (const thread of buckets) total += thread[index]!
      lines.push(`${name}_bucket{le="${end}"} ${total}`)
    }
    lines.push(`${name}_sum ${this.#sum('latencySecondsSum')}`, `${name}_count ${total}`)
    return `\n${lines.join('\n')}\n`
  }

  #sum(counter: CounterName): number {
    return this.#total((counters) => counters.read(counter))
  }

  #total(read: (counters: Counters) => number): number {
    return this.#threads.reduce((sum, counters) => sum + read(counters), 0)
  }
}
