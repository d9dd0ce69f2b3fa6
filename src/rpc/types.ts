import type { PeerId } from '@libp2p/interface'
import type { CancelOptions } from '../core/cancellation.ts'
import type { Wire } from '../core/wire.ts'

/**
 * Texts by name that travel beside a request or an answer, on the mux wire only. Names have 1 to 64 characters of a-z,
 * 0-9, "-", "_" and "."; all together at most 8,192 bytes.
 */
export type Metadata = Readonly<Record<string, string>>

/** What a handler is told besides the request. */
export interface RequestContext {
  /** Who asks; libp2p's handshake has proven it. */
  readonly peer: PeerId
  readonly protocol: string
  /** What the caller sent along; empty on the plain wire, which has no place for it. */
  readonly metadata: Metadata
  /** To be filled by the handler: goes back with the answer, on the mux wire only. */
  readonly responseMetadata: Record<string, string>
  /**
   * Aborted when nobody needs the answer any more: the caller gave up or died, its deadline passed, or the server was
   * stopped and its grace is over.
   */
  readonly signal: AbortSignal
}

/**
 * Answers one request. On the mux wire a PointSubError that it throws arrives as that error at the caller, anything else
 * as `ERR_REMOTE`; on the plain wire, which has no error message, both end the stream without an answer. An answer above
 * 256 KiB is not copied on the mux wire: return one whose bytes stay as they are.
 */
export type Handler = (request: Uint8Array, context: RequestContext) => Uint8Array | Promise<Uint8Array>

/** One open stream: what Go calls a connection. */
export interface ConnectionInfo {
  /** The multiaddr of the peer. */
  readonly remoteAddr: string
  readonly peer: PeerId
  readonly protocol: string
  readonly wire: Wire
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

/** The counters of a server as it keeps them. */
export type Counters = { -readonly [K in keyof Omit<ServerMetrics, 'activeConns'>]: number }

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
  /** Goes to the handler beside the request, on the mux wire only. */
  metadata?: Metadata | undefined
  /** Called with what the handler sent back beside its answer, before the call resolves; on the mux wire only. */
  onMetadata?: ((metadata: Metadata) => void) | undefined
  /** Whether the request may be sent again when it may have reached the peer; instead of the client's `idempotent`. */
  idempotent?: boolean | undefined
}
