import type { PointSubError } from '../core/errors.ts'
import type { Pairs } from '../frame/pairs.ts'
import type { BodyShare } from './body-share.ts'
import type { FailureInit } from './remote-error.ts'

/** What a call asks its session. */
export interface ServerCallEvents {
  answer(body: Uint8Array, metadata: Uint8Array | undefined): void
  fail(cause: unknown, init?: FailureInit): void
  /** The handler has ended, whatever became of the call. */
  handled(): void
}

/** One request of the peer, from its REQUEST until its answer has left. */
export class ServerCall {
  readonly id: number
  readonly metadata: Pairs | undefined
  /** When the client stops waiting, on performance.now()'s clock. */
  readonly deadline: number
  readonly #events: ServerCallEvents
  /** Whether a handler has the request. */
  isHandling = false
  /** Whether a handler ever had it. */
  hasBegun = false
  /** Whether its body, or that of its answer, is being compressed or decompressed. */
  isCoding = false
  /** Bytes of the request: held from when they are known until the handler has ended. */
  bytes = 0
  /** Of the memory, while a large body of it comes or goes. */
  share: BodyShare | undefined
  /** Why nobody needs the answer any more. */
  aborted: PointSubError | undefined
  /** Called once with that. */
  onAbort: ((reason: PointSubError) => void) | undefined

  /** @param timeout milliseconds, 0 for no bound */
  constructor(id: number, metadata: Pairs | undefined, timeout: number, events: ServerCallEvents) {
    this.id = id
    this.metadata = metadata
    this.deadline = timeout === 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    this.#events = events
  }

  /** Sends the answer, unless nobody needs it any more. */
  answer(body: Uint8Array, metadata: Uint8Array | undefined): void {
    if (this.aborted === undefined) this.#events.answer(body, metadata)
  }

  /** Says why there is no answer. */
  fail(cause: unknown, init?: FailureInit): void {
    if (this.aborted === undefined) this.#events.fail(cause, init)
  }

  /** A handler gets the request. */
  begin(): void {
    this.isHandling = true
    this.hasBegun = true
  }

  /** The handler has ended. */
  handled(): void {
    this.isHandling = false
    this.#events.handled()
  }

  abort(reason: PointSubError): void {
    if (this.aborted !== undefined) return
    this.aborted = reason
    this.onAbort?.(reason)
  }
}
