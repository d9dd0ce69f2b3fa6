import type { PeerId } from '@libp2p/interface'
import type { Conn } from '../conn/conn.ts'
import type { Handler, RequestContext } from './types.ts'

/** One request being handled: what its handler is told, and how it ends. */
export class HandlerCall implements RequestContext {
  readonly #conn: Conn
  #request: Uint8Array | undefined
  #controller: AbortController | undefined
  readonly bytes: number

  constructor(conn: Conn, request: Uint8Array) {
    this.#conn = conn
    this.#request = request
    this.bytes = request.byteLength
  }

  get peer(): PeerId {
    return this.#conn.remotePeer
  }

  get protocol(): string {
    return this.#conn.protocol
  }

  /** Made when a handler first asks for it: most never do. Once the handler has ended it aborts no more. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      const { signal } = this.#conn
      if (signal.aborted) this.#controller.abort(signal.reason)
      else if (this.#request !== undefined) signal.addEventListener('abort', this.#onAbort, { once: true })
    }
    return this.#controller.signal
  }

  /** Calls one of the two, at once if the handler answers at once. */
  run(handler: Handler, onAnswer: (answer: Uint8Array) => void, onFailure: (cause: unknown) => void): void {
    const request = this.#request
    if (request === undefined) return
    const settle = (answer: unknown): void => {
      this.#end()
      if (answer instanceof Uint8Array) onAnswer(answer)
      else onFailure(new TypeError('a handler must return a Uint8Array'))
    }
    const fail = (cause: unknown): void => {
      this.#end()
      onFailure(cause)
    }
    let given: unknown
    try {
      given = handler(request, this)
    } catch (cause) {
      fail(cause)
      return
    }
    if (given instanceof Uint8Array) settle(given)
    else Promise.resolve(given).then(settle, fail)
  }

  #end(): void {
    this.#request = undefined
    if (this.#controller !== undefined) this.#conn.signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.#controller?.abort(this.#conn.signal.reason)
}
