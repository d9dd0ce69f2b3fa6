import type { Conn } from '../conn/conn.ts'
import { messageOf, PointSubError } from '../core/errors.ts'
import type { MemoryBudget } from '../core/memory-budget.ts'
import type { ServerSettings } from '../core/options.ts'
import { encodePairs } from '../frame/pairs.ts'
import { Plane } from '../mux/plane.ts'
import { overloaded } from '../mux/refusals.ts'
import type { ServerCall } from '../mux/server-call.ts'
import { ServerSession } from '../mux/server-session.ts'
import { HandlerCall } from './handler-call.ts'
import { MuxStream } from './mux-stream.ts'
import type { Counters, Handler } from './types.ts'

export interface MuxServiceInit {
  /** Without the suffix of the wire. */
  readonly protocol: string
  readonly handler: Handler
  readonly options: ServerSettings
  readonly metrics: Counters
  readonly budget: MemoryBudget
  /** Something failed on a stream. */
  onFailure(conn: Conn, error: PointSubError): void
}

/** One protocol served on the mux wire: its sessions, and its handler called for each of their requests. */
export class MuxService {
  readonly #init: MuxServiceInit
  readonly #sessions = new Map<string, ServerSession>()

  constructor(init: MuxServiceInit) {
    this.#init = init
  }

  /** Takes an inbound stream: a session of its own, or the data stream of one. */
  serve(conn: Conn): MuxStream {
    const { options } = this.#init
    return new MuxStream(new Plane(conn), {
      readTimeout: options.readTimeout,
      openSession: (plane, hello) => {
        const key = keyOf(conn, hello.token)
        if (this.#sessions.has(key)) throw broken('the token of another session')
        const session = new ServerSession(plane, hello, {
          options,
          budget: this.#init.budget,
          protocol: this.#init.protocol,
          refusal: () => this.#refusal(),
          onRequest: (call, body) => this.#handle(conn, call, body),
          onFailure: error => this.#init.onFailure(conn, error)
        })
        this.#sessions.set(key, session)
        void conn.closed.then(() => this.#sessions.delete(key))
        return session
      },
      findSession: hello => this.#sessions.get(keyOf(conn, hello.token)),
      onFailure: error => this.#init.onFailure(conn, error)
    })
  }

  #refusal(): PointSubError | undefined {
    const { metrics, options } = this.#init
    if (metrics.activeRequests < options.maxConcurrentRequests) return undefined
    return overloaded('the peer handles as many requests as it takes on')
  }

  #handle(conn: Conn, call: ServerCall, body: Uint8Array): void {
    const { metrics, protocol, handler } = this.#init
    metrics.totalRequests += 1
    metrics.activeRequests += 1
    metrics.bytesRead += body.byteLength
    const handlerCall = new HandlerCall(body, { peer: conn.remotePeer, protocol, metadata: call.metadata })
    call.onAbort = reason => handlerCall.abort(reason)
    const fail = (cause: unknown): void => this.#onHandlerFailed(conn, call, cause)
    const answer = (bytes: Uint8Array): void => {
      let pairs: Uint8Array | undefined
      try {
        pairs = encodePairs('responseMetadata', handlerCall.givenMetadata)
      } catch (cause) {
        // The handler's mistake, not its caller's.
        fail(new TypeError(messageOf(cause), { cause }))
        return
      }
      this.#onHandled(call)
      if (call.aborted !== undefined) return
      call.answer(bytes, pairs)
      if (call.aborted === undefined) metrics.bytesWritten += bytes.byteLength
      else metrics.failedRequests += 1
    }
    handlerCall.run(handler, answer, fail)
  }

  #onHandled(call: ServerCall): void {
    const { metrics } = this.#init
    metrics.activeRequests -= 1
    if (call.aborted !== undefined) metrics.failedRequests += 1
    call.handled()
  }

  #onHandlerFailed(conn: Conn, call: ServerCall, cause: unknown): void {
    const { metrics, protocol } = this.#init
    this.#onHandled(call)
    if (call.aborted !== undefined) return
    metrics.failedRequests += 1
    call.fail(forCaller(cause))
    const names = { peer: conn.remotePeer.toString(), protocol }
    this.#init.onFailure(
      conn,
      new PointSubError('ERR_HANDLER_FAILED', `the handler failed: ${messageOf(cause)}`, { ...names, cause })
    )
  }
}

/** What a call of the handler's own failed with tells whom it called, and where: that is not for its caller. */
function forCaller(cause: unknown): unknown {
  if (!(cause instanceof PointSubError) || cause.remote || cause.peer === undefined) return cause
  const { code, retryable, retryAfter, details } = cause
  return new PointSubError(code, 'a call of the handler to another peer failed', { retryable, retryAfter, details })
}

function keyOf(conn: Conn, token: Uint8Array): string {
  return `${conn.remotePeer.toString()} ${token.join('.')}`
}

function broken(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`)
}
