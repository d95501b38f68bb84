import { createCipheriv } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { writeHeapSnapshot } from 'node:v8'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

/**
 * What the harness does inside the server under scan: loaded into each of its threads by `--import`, with which nobody but the harness starts
 * a server. Commands come over the IPC channel of the main thread and go to all threads.
 */
export type Command =
  | { readonly kind: 'collect' }
  | { readonly kind: 'snapshot'; readonly directory: string }
  | { readonly kind: 'plant'; readonly key: string }
  | { readonly kind: 'throw' }

/** What the planted keys are kept alive by. */
const planted: unknown[] = []

const channel = new BroadcastChannel('memory-scan')
channel.unref()
channel.addEventListener('message', (event: unknown) => {
  // The harness's own messages, and nobody else's.
  const { data } = event as { data: Command | { done: string } }
  if ('done' in data) return
  obey(data)
  channel.postMessage({ done: data.kind })
})

if (isMainThread) {
  process.on('message', (command: Command) => {
    obey(command)
    channel.postMessage(command)
    // The threads answer one after the other; the harness waits long enough for all.
    process.send?.({ done: command.kind })
  })
  process.channel?.unref()
  holdAtEnd()
}

function obey(command: Command): void {
  switch (command.kind) {
    case 'collect':
      for (let round = 0; round < 4; round++) (globalThis as { gc?: () => void }).gc?.()
      return
    case 'snapshot':
      writeHeapSnapshot(`${command.directory}/thread-${threadId}.heapsnapshot`)
      return
    case 'plant':
      plant(Buffer.from(command.key, 'hex'))
      return
    case 'throw':
      if (isMainThread)
        setImmediate(() => {
          throw new Error('thrown by the harness')
        })
  }
}

/** The key as bytes, as text, and inside a cipher of OpenSSL. */
function plant(key: Buffer): void {
  const own = Buffer.allocUnsafeSlow(key.length)
  own.set(key)
  planted.push(
    own,
    { hex: key.toString('hex'), base64: key.toString('base64') },
    createCipheriv('aes-256-ecb', key, null),
  )
}

/** After the last listener of the end, whichever way it comes: what the server wipes is wiped, and its memory stays until the harness has looked. */
function holdAtEnd(): void {
  const directory = process.env['MEMORY_SCAN_HOLD']
  if (directory === undefined) return
  process.on('beforeExit', () => process.on('exit', wait))
  // Node calls this after the listeners of 'exit'; it is no part of its described interface.
  const last = process as unknown as { reallyExit: (code: number) => void }
  const end = last.reallyExit.bind(process)
  last.reallyExit = (code) => {
    wait()
    end(code)
  }

  function wait(): void {
    writeFileSync(`${directory}/held`, '')
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    while (!existsSync(`${directory}/go`)) Atomics.wait(sleeper, 0, 0, 20)
  }
}
