import type { Connection, Stream } from '@libp2p/interface'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type PeerLike, type PeerTarget, parsePeer } from '../core/peers.ts'
import { afterColdStart } from './cold-start.ts'
import { Conn } from './conn.ts'
import { toPointSubError } from './stream-errors.ts'

/** libp2p's own bound is 64 outbound streams a protocol; whoever dials sets bounds of his own. */
export const STREAMS_PER_PROTOCOL = 65_536

/** Bound on one `dial()` when the caller gives none, in ms. */
const DIAL_TIMEOUT = 30_000

/**
 * Opens a stream to a peer: Go's `pointsub.Dial`.
 *
 * @throws PointSubError `ERR_INVALID_PEER`, `ERR_DIAL_SELF`, `ERR_PEER_NOT_FOUND`, `ERR_DIAL_FAILED`,
 * `ERR_PROTOCOL_UNSUPPORTED`, `ERR_TOO_MANY_STREAMS`, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_TIMEOUT`, `ERR_ABORTED`
 */
export async function dial(host: Host, peer: PeerLike, protocol: string, options: CancelOptions = {}): Promise<Conn> {
  const target = parsePeer(peer)
  using cancellation = new Cancellation({ timeout: DIAL_TIMEOUT, ...options }, `dialling ${String(peer)}`)
  const connection = await connect(host, target, cancellation)
  return openConn(connection, protocol, cancellation)
}

/** The connection to a peer: the open one if there is one, a new one otherwise. */
export async function connect(host: Host, target: PeerTarget, cancellation: Cancellation): Promise<Connection> {
  const peer = target.dial.toString()
  if (target.id?.equals(host.peerId) === true) {
    throw new PointSubError('ERR_DIAL_SELF', `${peer} is this host itself; libp2p cannot dial it`, {
      peer,
      sent: false
    })
  }
  try {
    return await host.dial(target.dial, { signal: cancellation.signal })
  } catch (cause) {
    throw openError(cause, cancellation, 'ERR_DIAL_FAILED', `cannot reach ${peer}`, { peer })
  }
}

/** Opens a stream of `protocol` on `connection`, relayed connections included. */
export async function openConn(connection: Connection, protocol: string, cancellation: Cancellation): Promise<Conn> {
  const { signal } = cancellation
  const peer = connection.remotePeer.toString()
  let stream: Stream | undefined
  try {
    stream = await afterColdStart(connection, signal, () =>
      connection.newStream(protocol, {
        signal,
        runOnLimitedConnection: true,
        maxOutboundStreams: STREAMS_PER_PROTOCOL
      })
    )
    signal.throwIfAborted()
    return new Conn(stream, connection)
  } catch (cause) {
    stream?.abort(cause instanceof Error ? cause : new Error('aborted'))
    const fallback = connection.status === 'open' ? 'ERR_STREAM_RESET' : 'ERR_CONNECTION_LOST'
    throw openError(cause, cancellation, fallback, `cannot open ${protocol} on ${peer}`, { peer, protocol })
  }
}

/** Nothing of a request has been sent while a stream is being opened. */
function openError(
  cause: unknown,
  cancellation: Cancellation,
  fallback: 'ERR_DIAL_FAILED' | 'ERR_STREAM_RESET' | 'ERR_CONNECTION_LOST',
  what: string,
  details: { peer: string; protocol?: string }
): PointSubError {
  return toPointSubError(cancellation.reason ?? cause, fallback, what, {
    ...details,
    sent: false
  })
}
