import type { PeerId } from '@libp2p/interface'
import type { CancelOptions } from '../core/cancellation.ts'

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

/** One open stream: what Go calls a connection. */
export interface ConnectionInfo {
  /** The multiaddr of the peer. */
  readonly remoteAddr: string
  readonly peer: PeerId
  readonly protocol: string
  /** When something was last sent or received on it. */
  readonly lastActive: Date
  /** Milliseconds since then. */
  readonly idleTime: number
  /** Requests answered on it. */
  readonly requestCount: number
  readonly createdAt: Date
}

/** What a server has done since it was made. Bytes are those of requests and answers without their framing. */
export interface ServerMetrics {
  /** Requests handled, those that failed included. */
  readonly totalRequests: number
  /** Requests whose handler failed or whose answer could not be sent. */
  readonly failedRequests: number
  /** Requests being handled now. */
  readonly activeRequests: number
  /** Streams accepted. */
  readonly totalConnections: number
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Streams open now. */
  readonly activeConns: number
}

/** What a client has done since it was made. Bytes are those of requests and answers without their framing. */
export interface ClientMetrics {
  /** Calls begun. */
  readonly totalRequests: number
  /** Calls that failed. */
  readonly failedRequests: number
  /** Calls under way. */
  readonly activeRequests: number
  /** Times a call was tried again. */
  readonly retries: number
  readonly bytesRead: number
  readonly bytesWritten: number
}

/** How one call is to be made. */
export interface SendOptions extends CancelOptions {
  /** Whether the request may be sent again when it may have reached the peer; instead of the client's `idempotent`. */
  idempotent?: boolean | undefined
}
