import type { Connection, Stream, StreamCloseEvent } from '@libp2p/interface'
import { type ErrorCode, messageOf, nameOf, PointSubError } from '../core/errors.ts'

/**
 * What libp2p's own errors mean here, by their `name`. Aborts and timeouts of the caller never come this way; those of
 * libp2p itself are failures like others.
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ConnectionClosedError: 'ERR_CONNECTION_LOST',
  ConnectionClosingError: 'ERR_CONNECTION_LOST',
  InvalidPeerIdError: 'ERR_DIAL_SELF',
  MuxerClosedError: 'ERR_CONNECTION_LOST',
  NoValidAddressesError: 'ERR_PEER_NOT_FOUND',
  NotFoundError: 'ERR_PEER_NOT_FOUND',
  StreamBufferError: 'ERR_STREAM_RESET',
  StreamResetError: 'ERR_STREAM_RESET',
  TooManyOutboundProtocolStreamsError: 'ERR_TOO_MANY_STREAMS',
  UnsupportedProtocolError: 'ERR_PROTOCOL_UNSUPPORTED'
}

/** An error of libp2p as one of ours; one of ours is only told the peer and protocol. */
export function toPointSubError(
  cause: unknown,
  fallback: ErrorCode,
  what: string,
  details: { peer?: string | undefined; protocol?: string | undefined; sent?: boolean | undefined }
): PointSubError {
  if (cause instanceof PointSubError) return cause.with(details)
  return new PointSubError(CODES[nameOf(cause)] ?? fallback, `${what}: ${messageOf(cause)}`, { ...details, cause })
}

/** Calls `listener` once with how the stream ended, unless both sides ended it properly: then with undefined. */
export function onStreamClose(stream: Stream, connection: Connection, listener: (event: ClosedStream) => void): void {
  const onClose = (event: StreamCloseEvent): void => {
    const settle = (): void =>
      listener({ local: event.local === true, error: closedStreamError(stream, connection, event.error) })
    // A connection that is aborted on this side aborts its streams first and only then says that it is closed.
    const foreign = event.local === true && !(event.error instanceof PointSubError)
    if (foreign && connection.status === 'open') queueMicrotask(settle)
    else settle()
  }
  stream.addEventListener('close', onClose, { once: true })
}

export interface ClosedStream {
  /** Whether this side reset the stream. */
  local: boolean
  error: PointSubError
}

/** The error of reads and writes on a stream that is no longer open, unless it was ended before. */
export function closedStreamError(stream: Stream, connection: Connection, cause: unknown): PointSubError {
  if (cause instanceof PointSubError) return cause
  const details = { peer: connection.remotePeer.toString(), protocol: stream.protocol, cause }
  // When a connection breaks libp2p closes its streams without any error, so only the missing FIN tells.
  if (stream.status === 'closed' || connection.status !== 'open') {
    return new PointSubError('ERR_CONNECTION_LOST', `the connection to ${details.peer} was lost`, details)
  }
  return stream.status === 'reset'
    ? new PointSubError('ERR_STREAM_RESET', `${details.peer} reset the stream of ${stream.protocol}`, details)
    : new PointSubError('ERR_STREAM_RESET', `the stream was reset on this side: ${messageOf(cause)}`, details)
}
