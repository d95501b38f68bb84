import { Runner } from './runner.ts'
import type { ClientPlan, ClientResult } from './runner.ts'

/** What the generator's main process says to a client process, and what it hears. Sent by IPC with structured cloning. */
export type ToClient = { kind: 'plan'; plan: ClientPlan } | { kind: 'begin' } | { kind: 'measure' } | { kind: 'stop' }
export type FromClient =
  | { kind: 'connected' }
  | { kind: 'progress'; answered: number; failed: number }
  | { kind: 'result'; result: ClientResult }
  | { kind: 'error'; message: string }

const progressMs = 500
let runner: Runner | undefined
let progress: NodeJS.Timeout | undefined

const say = (message: FromClient): void => {
  process.send!(message)
}

async function obey(message: ToClient): Promise<void> {
  switch (message.kind) {
    case 'plan':
      runner = new Runner(message.plan)
      await runner.connect()
      return say({ kind: 'connected' })
    case 'begin':
      return runner!.begin()
    case 'measure':
      runner!.measure()
      progress = setInterval(() => say({ kind: 'progress', ...runner!.progress }), progressMs)
      return
    case 'stop':
      clearInterval(progress)
      return say({ kind: 'result', result: await runner!.stop() })
  }
}

process.on('message', (message: ToClient) => {
  obey(message).catch((error: unknown) =>
    say({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
