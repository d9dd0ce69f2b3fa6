import type { PeerId } from '@libp2p/interface'

/** What a handler is told besides the request. */
export interface RequestContext {
  /** Who asks; libp2p's handshake has proven it. */
  readonly peer: PeerId
  readonly protocol: string
  /** Aborted when the stream is gone: the caller gave up or died, or the server was stopped and its grace is over. */
  readonly signal: AbortSignal
}

/** Answers one request. Throwing ends the stream without an answer: the plain wire has no error message. */
export type Handler = (request: Uint8Array, context: RequestContext) => Uint8Array | Promise<Uint8Array>
