import type { ConnectionOptions } from 'node:tls'
import { checkAnswer } from './answer.ts'
import { Connection } from './connection.ts'
import { newTaskState } from './scenario.ts'
import type { Request, Step, TaskState } from './scenario.ts'

/** Who hands out tasks and takes the results: the runner. */
export interface LaneOwner {
  /** The lane is free; the owner starts it, now or later. */
  free(lane: Lane): void
  answered(operation: number, intended: number, now: number): void
  taskDone(intended: number, now: number): void
  failed(reason: string): void
  /** A failure too: nothing came back. The time that was waited counts, or a stall would make the figures better. */
  unanswered(reason: string, intended: number): void
  /** False once the run is over: then a task ends after the step it is in. */
  readonly running: boolean
}

/** After a failed connection, so that a server that is down is not hammered and the generator keeps its core. */
const reconnectDelayMs = 50

/** One task at a time, one request in flight. A connection that is kept carries one lane, or several when it pipelines. */
export class Lane {
  readonly #owner: LaneOwner
  readonly #steps: readonly Step[]
  readonly #link: Link
  #state: TaskState = newTaskState()
  #step = 0
  #taskIntended = 0
  #intended = 0
  #sentAt = 0
  #request: Request | undefined

  constructor(owner: LaneOwner, link: Link, steps: readonly Step[]) {
    this.#owner = owner
    this.#link = link
    this.#steps = steps
  }

  /** False while the connection is down. */
  get ready(): boolean {
    return this.#link.ready
  }

  get busy(): boolean {
    return this.#request !== undefined
  }

  /** When the request in flight was sent; meaningless while the lane is free. */
  get sentAt(): number {
    return this.#sentAt
  }

  /** Begins a task that was meant to begin at `intended` (milliseconds of performance.now). */
  start(intended: number, now: number): void {
    this.#state = newTaskState()
    this.#step = 0
    this.#taskIntended = intended
    this.#send(intended, now)
  }

  /** The answer to the request in flight. */
  answer(frame: Buffer): void {
    const now = performance.now()
    const request = this.#request
    if (!request) return this.#owner.failed('an answer that nobody asked for')
    this.#request = undefined
    const checked = checkAnswer(frame, request)
    if (typeof checked === 'string') {
      this.#owner.failed(checked)
      return this.#owner.free(this)
    }
    this.#owner.answered(request.operation, this.#intended, now)
    this.#steps[this.#step]!.learn?.(this.#state, frame, checked)
    this.#step++
    if (this.#step === this.#steps.length) {
      this.#owner.taskDone(this.#taskIntended, now)
      return this.#owner.free(this)
    }
    // A step that depends on the one before it cannot be meant to start earlier than its answer.
    if (this.#owner.running) this.#send(now, now)
  }

  /** The request in flight is lost. */
  lose(reason: string): void {
    if (!this.#request) return
    this.#request = undefined
    this.#owner.unanswered(reason, this.#intended)
  }

  /** Cuts the connection of a request that takes too long. */
  giveUp(reason: string): void {
    this.#link.giveUp(reason)
  }

  #send(intended: number, now: number): void {
    this.#intended = intended
    this.#sentAt = now
    this.#request = this.#steps[this.#step]!.request(this.#state)
    this.#link.send(this, this.#request.bytes)
  }
}

/** What a lane sends over. */
export interface Link {
  readonly ready: boolean
  send(lane: Lane, request: Buffer): void
  giveUp(reason: string): void
}

/** A connection that is kept; answers come in the order of the requests, so a queue of lanes tells whose each is. */
export class KeptLink implements Link {
  readonly #options: ConnectionOptions
  readonly #owner: LaneOwner
  readonly lanes: Lane[] = []
  readonly #inFlight: Lane[] = []
  #connection: Connection | undefined
  #closing = false
  ready = false

  constructor(options: ConnectionOptions, owner: LaneOwner) {
    this.#options = options
    this.#owner = owner
  }

  open(): void {
    this.#connection = new Connection(this.#options, {
      ready: () => {
        this.ready = true
        for (const lane of this.lanes) this.#owner.free(lane)
      },
      answer: (frame) => {
        const lane = this.#inFlight.shift()
        if (lane) lane.answer(frame)
        else this.#owner.failed('an answer that nobody asked for')
      },
      closed: (reason) => this.#lost(reason),
    })
  }

  send(lane: Lane, request: Buffer): void {
    this.#inFlight.push(lane)
    this.#connection!.send(request)
  }

  giveUp(reason: string): void {
    this.#connection?.abort()
    this.#lost(reason)
  }

  close(): void {
    this.#closing = true
    this.ready = false
    this.#connection?.abort()
  }

  #lost(reason: string): void {
    const connected = this.ready
    this.ready = false
    for (const lane of this.#inFlight.splice(0)) lane.lose(reason)
    if (!connected) this.#owner.failed(reason)
    if (!this.#closing && this.#owner.running) setTimeout(() => this.open(), reconnectDelayMs)
  }
}

/** A connection for each request, with a full handshake: what MongoDB's drivers do. */
export class OneShotLink implements Link {
  readonly ready = true
  readonly #options: ConnectionOptions
  readonly #owner: LaneOwner
  #connection: Connection | undefined
  #lane: Lane | undefined

  constructor(options: ConnectionOptions, owner: LaneOwner) {
    this.#options = options
    this.#owner = owner
  }

  send(lane: Lane, request: Buffer): void {
    this.#lane = lane
    const connection = new Connection(this.#options, {
      ready: () => connection.send(request),
      answer: (frame) => {
        connection.close()
        lane.answer(frame)
      },
      closed: (reason) => this.#lost(reason),
    })
    this.#connection = connection
  }

  giveUp(reason: string): void {
    this.#connection?.abort()
    this.#lost(reason)
  }

  close(): void {
    this.#connection?.abort()
  }

  #lost(reason: string): void {
    const lane = this.#lane!
    lane.lose(reason)
    if (this.#owner.running) setTimeout(() => this.#owner.free(lane), reconnectDelayMs)
  }
}
