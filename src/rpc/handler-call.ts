import type { PeerId } from '@libp2p/interface'
import type { Handler, Metadata, RequestContext } from './types.ts'

export interface HandlerCallInit {
  readonly peer: PeerId
  readonly protocol: string
  readonly metadata?: Metadata | undefined
}

const NO_METADATA: Metadata = Object.freeze({})

/** One request being handled: what its handler is told, and how it ends. */
export class HandlerCall implements RequestContext {
  readonly peer: PeerId
  readonly protocol: string
  readonly metadata: Metadata
  readonly bytes: number
  #request: Uint8Array | undefined
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined
  #responseMetadata: Record<string, string> | undefined

  constructor(request: Uint8Array, { peer, protocol, metadata }: HandlerCallInit) {
    this.peer = peer
    this.protocol = protocol
    this.metadata = metadata ?? NO_METADATA
    this.#request = request
    this.bytes = request.byteLength
  }

  /** Made when a handler first asks for it: most never do. Once the handler has ended it aborts no more. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    return this.#controller.signal
  }

  get responseMetadata(): Record<string, string> {
    this.#responseMetadata ??= {}
    return this.#responseMetadata
  }

  /** What the handler has put there; undefined when nothing. */
  get givenMetadata(): Metadata | undefined {
    return this.#responseMetadata
  }

  /** Tells the handler that nobody needs the answer any more. */
  abort(reason: unknown): void {
    if (this.#request === undefined) return
    this.#aborted ??= { reason }
    this.#controller?.abort(reason)
  }

  /** Calls one of the two, at once if the handler answers at once. */
  run(handler: Handler, onAnswer: (answer: Uint8Array) => void, onFailure: (cause: unknown) => void): void {
    const request = this.#request
    if (request === undefined) return
    const settle = (answer: unknown): void => {
      this.#request = undefined
      if (answer instanceof Uint8Array) onAnswer(answer)
      else onFailure(new TypeError('a handler must return a Uint8Array'))
    }
    const fail = (cause: unknown): void => {
      this.#request = undefined
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
}
