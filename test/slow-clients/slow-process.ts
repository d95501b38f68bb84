import type { ServerStarted } from './messages.ts'
import { newTarget, type SlowClient, type SlowKind, slowKinds } from './slow-client.ts'

/** What the run asks of a process of slow clients. */
export interface SlowOrder {
  readonly server: ServerStarted
  readonly kind: SlowKind
  readonly count: number
  /** Whoever lives so long is counted as not cut. */
  readonly patienceMs: number
}

/** What became of them. */
export interface SlowReport {
  readonly connected: number
  readonly refused: number
  readonly cut: readonly { readonly number: number; readonly connectedAtMs: number; readonly cutAtMs: number }[]
}

/** The slow clients live in a process of their own, so that their work does not slow the fast ones' clock. */
process.on('message', (order: SlowOrder) => {
  void run(order).then((report) => process.send!(report))
})
// The report was taken: nobody waits any more for whoever is left.
process.on('disconnect', () => process.exit(0))

async function run({ server, kind, count, patienceMs }: SlowOrder): Promise<SlowReport> {
  const target = newTarget(server)
  const clients: SlowClient[] = []
  const cut: { number: number; connectedAtMs: number; cutAtMs: number }[] = []
  let refused = 0
  let left = count
  const connectSome = async (): Promise<void> => {
    while (left-- > 0) {
      try {
        const client = await slowKinds[kind](target)
        clients.push(client)
        const { number, connectedAtMs } = client
        void client.cutAtMs.then((cutAtMs) => cut.push({ number, connectedAtMs, cutAtMs }))
      } catch {
        refused += 1
      }
    }
  }
  await Promise.all(Array.from({ length: connectingAtOnce }, connectSome))
  process.send!('connected')
  await Promise.race([
    Promise.all(clients.map(({ cutAtMs }) => cutAtMs)),
    new Promise((resolve) => setTimeout(resolve, patienceMs)),
  ])
  const report = {
    connected: clients.length,
    refused,
    cut: [...cut],
  }
  for (const client of clients) client.stop()
  return report
}

const connectingAtOnce = 100
