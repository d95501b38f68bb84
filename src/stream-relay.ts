import { ownCopy } from './crypto/own-buffer.ts'
import { sharedCopy, type SharedBytes } from './crypto/worker-task.ts'
import { type ErrorCode, isKryptonError, KryptonError } from './errors.ts'
import { limits } from './limits.ts'
import { noSuchStream } from './operations/streams.ts'
import type { PartAnswer, StreamPart, StreamPlace, Streams, StreamsOfOthers } from './operations/streams.ts'

/**
 * Between listener threads, by way of the main one: a client's next connection may come to another thread than the one that has its stream. Data go there
 * and back in shared memory, which the asker wipes.
 */
export type StreamMessage =
  | {
      readonly kind: 'stream-part'
      readonly from: number
      readonly to: number
      readonly id: number
      readonly part: Omit<StreamPart, 'data'> & { readonly data: SharedBytes | undefined }
    }
  | {
      readonly kind: 'stream-end'
      readonly to: number
      readonly place: StreamPlace
      readonly correlationValue: Uint8Array
    }
  | { readonly kind: 'stream-answer'; readonly to: number; readonly id: number; readonly answer: SharedAnswer }
  | { readonly kind: 'stream-lost'; readonly thread: number }

type SharedAnswer =
  | { readonly value: Omit<PartAnswer, 'data'> & { readonly data: SharedBytes | undefined } }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string } }
  | { readonly fault: true }

interface Asked {
  readonly thread: number
  readonly resolve: (answer: SharedAnswer) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** A listener thread's end of it: asks other threads for their streams, and lets them have its own. */
export class StreamRelay implements StreamsOfOthers {
  readonly #thread: number
  readonly #send: (message: StreamMessage) => void
  readonly #onFault: (error: unknown) => void
  readonly #asked = new Map<number, Asked>()
  #count = 0

  /** `send` gives a message to the main thread. */
  constructor(thread: number, send: (message: StreamMessage) => void, onFault: (error: unknown) => void) {
    this.#thread = thread
    this.#send = send
    this.#onFault = onFault
  }

  async part(thread: number, { data, ...part }: StreamPart): Promise<PartAnswer> {
    const shared = data && sharedCopy(data)
    try {
      const id = this.#count++
      const answer = await new Promise<SharedAnswer>((resolve, reject) => {
        const timer = setTimeout(() => this.#refuse(id), limits.streamHandOverMs)
        this.#asked.set(id, { thread, resolve, reject, timer })
        const { correlationValue, expected } = part
        const own = { ...part, correlationValue: alone(correlationValue), expected: expected && alone(expected) }
        this.#send({ kind: 'stream-part', from: this.#thread, to: thread, id, part: { ...own, data: shared } })
      })
      return answerOf(answer)
    } finally {
      shared?.fill(0)
    }
  }

  end(thread: number, place: StreamPlace, correlationValue: Uint8Array): void {
    this.#send({ kind: 'stream-end', to: thread, place, correlationValue: alone(correlationValue) })
  }

  /** Takes a message of another thread, or of the main one about it. */
  receive(message: StreamMessage, streams: Streams): void {
    switch (message.kind) {
      case 'stream-part':
        void this.#answer(message, streams)
        return
      case 'stream-end':
        streams.endOwn(message.place, message.correlationValue)
        return
      case 'stream-answer':
        this.#take(message.id)?.resolve(message.answer)
        return
      default:
        for (const [id, { thread }] of this.#asked) if (thread === message.thread) this.#refuse(id)
    }
  }

  async #answer({ from, id, part }: StreamMessage & { kind: 'stream-part' }, streams: Streams): Promise<void> {
    let answer: SharedAnswer
    try {
      const { data, tag, ...more } = await streams.ownPart(part)
      answer = { value: { ...more, tag: tag && (alone(tag) as Buffer), data: data && sharedCopy(data) } }
      data?.fill(0)
    } catch (error) {
      if (!isKryptonError(error)) this.#onFault(error)
      answer = isKryptonError(error) ? { refused: { code: error.code, message: error.message } } : { fault: true }
    }
    this.#send({ kind: 'stream-answer', to: from, id, answer })
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    clearTimeout(asked?.timer)
    return asked
  }

  /** The thread has ended, and its streams with it, or says nothing. */
  #refuse(id: number): void {
    this.#take(id)?.reject(noSuchStream())
  }
}

function answerOf(answer: SharedAnswer): PartAnswer {
  if ('refused' in answer) throw new KryptonError(answer.refused.code, answer.refused.message)
  if ('fault' in answer) throw new Error('the thread that has the stream failed: its log says how')
  const { data, tag, ...more } = answer.value
  const own = data && ownCopy(data)
  data?.fill(0)
  return { ...more, tag: tag && Buffer.from(tag), data: own }
}

/** A copy that takes no frame along. */
function alone(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
