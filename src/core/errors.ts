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
  /** No address is known for the peer. */
  | 'ERR_PEER_NOT_FOUND'
  /** The protocol is already handled on this host. */
  | 'ERR_PROTOCOL_EXISTS'
  /** The peer does not speak the protocol. */
  | 'ERR_PROTOCOL_UNSUPPORTED'
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

/** What a {@link PointSubError} knows besides its code and message. */
export interface ErrorDetails {
  /** The error below, often one of libp2p. */
  cause?: unknown
  /** The remote peer id. */
  peer?: string | undefined
  /** The protocol id. */
  protocol?: string | undefined
  /** Whether any byte of the request may have left: `false` means the peer has certainly not seen it. */
  sent?: boolean | undefined
}

/** The one error class of this package. */
export class PointSubError extends Error {
  override readonly name = 'PointSubError'
  readonly code: ErrorCode
  readonly peer: string | undefined
  readonly protocol: string | undefined
  readonly sent: boolean | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.peer = details.peer
    this.protocol = details.protocol
    this.sent = details.sent
  }

  /** The same error with more said about it; what it already says stays. */
  with(details: Omit<ErrorDetails, 'cause'>): PointSubError {
    if ((['peer', 'protocol', 'sent'] as const).every(key => this[key] !== undefined || details[key] === undefined)) {
      return this
    }
    return new PointSubError(this.code, this.message, {
      cause: this.cause ?? this,
      peer: this.peer ?? details.peer,
      protocol: this.protocol ?? details.protocol,
      sent: this.sent ?? details.sent
    })
  }

  /** The same error for a request that an earlier try has sent. */
  withSent(): PointSubError {
    if (this.sent === true) return this
    const { peer, protocol } = this
    return new PointSubError(this.code, this.message, { cause: this.cause ?? this, peer, protocol, sent: true })
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
