import type { Connection, Stream } from '@libp2p/interface'
import { type ErrorCode, messageOf, nameOf, PointSubError } from '../core/errors.ts'

/** What libp2p's own errors mean here, by their `name`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  AbortError: 'ERR_ABORTED',
  ConnectionClosedError: 'ERR_CONNECTION_LOST',
  ConnectionClosingError: 'ERR_CONNECTION_LOST',
  InvalidPeerIdError: 'ERR_DIAL_SELF',
  MuxerClosedError: 'ERR_CONNECTION_LOST',
  NoValidAddressesError: 'ERR_PEER_NOT_FOUND',
  NotFoundError: 'ERR_PEER_NOT_FOUND',
  StreamBufferError: 'ERR_STREAM_RESET',
  StreamResetError: 'ERR_STREAM_RESET',
  TimeoutError: 'ERR_TIMEOUT',
  TooManyOutboundProtocolStreamsError: 'ERR_TOO_MANY_STREAMS',
  UnsupportedProtocolError: 'ERR_PROTOCOL_UNSUPPORTED',
}

/** An error of libp2p as one of ours; one of ours is only told the peer and protocol. */
export function toPointSubError(
  cause: unknown,
  fallback: ErrorCode,
  what: string,
  details: {
    peer?: string | undefined
    protocol?: string | undefined
    sent?: boolean | undefined
  },
): PointSubError {
  if (cause instanceof PointSubError) return cause.with(details)
  return new PointSubError(CODES[nameOf(cause)] ?? fallback, `${what}: ${messageOf(cause)}`, { ...details, cause })
}

/** How a stream ended that is no longer open: the error that reads and writes on it get. */
export function closedStreamError(stream: Stream, connection: Connection, cause: unknown): PointSubError {
  if (cause instanceof PointSubError) return cause
  const details = {
    peer: connection.remotePeer.toString(),
    protocol: stream.protocol,
    cause,
  }
  // When a connection breaks libp2p closes its streams without any error, so only the missing FIN tells.
  if (cause === undefined || connection.status !== 'open') {
    return new PointSubError('ERR_CONNECTION_LOST', `the connection to ${details.peer} was lost`, details)
  }
  return nameOf(cause) === 'StreamResetError'
    ? new PointSubError('ERR_STREAM_RESET', `${details.peer} reset the stream of ${stream.protocol}`, details)
    : new PointSubError('ERR_STREAM_RESET', `the stream was reset on this side: ${messageOf(cause)}`, details)
}
