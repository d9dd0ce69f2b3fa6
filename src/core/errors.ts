/**
 * Every code a {@link PointSubError} can carry. Match on `error.code`, not on `instanceof`: two copies of this package
 * in one process have two classes but the same codes.
 */
export type ErrorCode =
  /** The caller's `signal` was aborted. */
  | 'ERR_ABORTED'
  /** The client was closed, before or during the call. */
  | 'ERR_CLIENT_CLOSED'
  /** The connection below the stream went away without the peer ending the stream. */
  | 'ERR_CONNECTION_LOST'
  /** The peer could not be reached on any of its addresses. */
  | 'ERR_DIAL_FAILED'
  /** The peer is this host itself, which libp2p cannot dial. */
  | 'ERR_DIAL_SELF'
  /** A handler threw, or returned something other than a Uint8Array; `cause` is what it threw. */
  | 'ERR_HANDLER_FAILED'
  /** An argument has the wrong type or value. */
  | 'ERR_INVALID_ARGUMENT'
  /** An option has the wrong name, type or value. */
  | 'ERR_INVALID_CONFIG'
  /** The peer sent bytes that are not what the wire allows. */
  | 'ERR_INVALID_FRAME'
  /** The text or object given is neither a peer id nor a multiaddr. */
  | 'ERR_INVALID_PEER'
  /** The host cannot listen on an address it was given. */
  | 'ERR_LISTEN_FAILED'
  /** The listener was closed. */
  | 'ERR_LISTENER_CLOSED'
  /** A server has as many streams open as it takes; see `maxConcurrentConns`. */
  | 'ERR_MAX_CONNS'
  /** The streams of a server, or those of one peer, hold more bytes than they may; see `maxMemoryUsage`. */
  | 'ERR_MEMORY_LIMIT'
  /** A message is larger than `maxBlockSize`. */
  | 'ERR_MESSAGE_TOO_LARGE'
  /** No node to ask is known for the protocol. */
  | 'ERR_NO_NODES'
  /** The peer ended the stream without an answer, as Go PointSub does when its handler fails. */
  | 'ERR_NO_RESPONSE'
  /** The peer has more to do than it takes on; see `maxConcurrentRequests`. */
  | 'ERR_OVERLOADED'
  /** No address is known for the peer. */
  | 'ERR_PEER_NOT_FOUND'
  /** The protocol is already handled on this host. */
  | 'ERR_PROTOCOL_EXISTS'
  /** The peer does not speak the protocol. */
  | 'ERR_PROTOCOL_UNSUPPORTED'
  /** The handler of the peer failed, with an error that it keeps to itself. */
  | 'ERR_REMOTE'
  /** The server was stopped. */
  | 'ERR_SERVER_CLOSED'
  /** This side has already ended or closed the stream. */
  | 'ERR_STREAM_CLOSED'
  /** The stream was reset, by the peer or by a limit of libp2p. */
  | 'ERR_STREAM_RESET'
  /** A deadline passed. */
  | 'ERR_TIMEOUT'
  /** A limit on concurrently open streams was reached. */
  | 'ERR_TOO_MANY_STREAMS'
  /** The stream ended in the middle of something. */
  | 'ERR_UNEXPECTED_EOF'

/** A code of an application's own, which a handler may throw. */
export type ApplicationErrorCode = `ERR_${string}` & Record<never, never>

/** What a {@link PointSubError} knows besides its code and message. */
export interface ErrorDetails {
  /** The error below, often one of libp2p. */
  cause?: unknown
  /** The remote peer id. */
  peer?: string | undefined
  /** The protocol id. */
  protocol?: string | undefined
  /** Whether any byte of the request may have left: `false` means the peer has certainly not processed it. */
  sent?: boolean | undefined
  /** Whether it was the peer that said so: its handler, or its server. */
  remote?: boolean | undefined
  /** Whether the same request may succeed later, as whoever failed says; undefined when nobody said. */
  retryable?: boolean | undefined
  /** Milliseconds to wait before that. */
  retryAfter?: number | undefined
  /** More, for programs to read; a handler's go to the caller. Names as in metadata, at most 8,192 bytes. */
  details?: Readonly<Record<string, string>> | undefined
}

/** The one error class of this package. A handler that throws one sends it to its caller, where the wire can. */
export class PointSubError extends Error {
  override readonly name = 'PointSubError'
  readonly code: ErrorCode | ApplicationErrorCode
  readonly peer: string | undefined
  readonly protocol: string | undefined
  readonly sent: boolean | undefined
  readonly remote: boolean
  readonly retryable: boolean | undefined
  readonly retryAfter: number | undefined
  readonly details: Readonly<Record<string, string>> | undefined

  constructor(code: ErrorCode | ApplicationErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.peer = details.peer
    this.protocol = details.protocol
    this.sent = details.sent
    this.remote = details.remote ?? false
    this.retryable = details.retryable
    this.retryAfter = details.retryAfter
    this.details = details.details
  }

  /** The same error with more said about it; what it already says stays. */
  with(details: Pick<ErrorDetails, 'peer' | 'protocol' | 'sent'>): PointSubError {
    if ((['peer', 'protocol', 'sent'] as const).every(key => this[key] !== undefined || details[key] === undefined)) {
      return this
    }
    return this.#but({
      peer: this.peer ?? details.peer,
      protocol: this.protocol ?? details.protocol,
      sent: this.sent ?? details.sent
    })
  }

  /** The same error of a protocol by the name that its users know it by. */
  ofProtocol(protocol: string): PointSubError {
    return this.protocol === protocol ? this : this.#but({ protocol })
  }

  /** The same error for a request that an earlier try has sent. */
  withSent(): PointSubError {
    if (this.sent === true) return this
    return this.#but({ sent: true })
  }

  #but(changed: ErrorDetails): PointSubError {
    const { code, message, peer, protocol, sent, remote, retryable, retryAfter, details } = this
    const same = { cause: this.cause ?? this, peer, protocol, sent, remote, retryable, retryAfter, details }
    return new PointSubError(code, message, { ...same, ...changed })
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  // libp2p also rejects with the event that a stream closed.
  if (error instanceof Event) return `${error.type} event`
  return error instanceof Error ? error.message : textOf(error)
}

/** Any value as text; some have no way of their own to become one. */
export function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

/** The `name` of anything that was thrown, by which libp2p's errors are told apart. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
