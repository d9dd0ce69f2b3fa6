import type { Connection } from '@libp2p/interface'
import { checkProtocol } from '../core/arguments.ts'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type PeerLike, type PeerTarget, parsePeer } from '../core/peers.ts'
import { startTimer, type Timer, unref } from '../core/timers.ts'
import { afterColdStart } from './cold-start.ts'
import { Conn } from './conn.ts'
import { connect } from './connect.ts'
import { toPointSubError } from './stream-errors.ts'

/** libp2p's own bound is 64 outbound streams a protocol; whoever dials sets bounds of his own. */
export const STREAMS_PER_PROTOCOL = 65_536

/** How long a connection on which a stream could not be opened is watched for its end, in ms. */
const DYING = 100

/** How long a stream that nobody waits for any more may take to open, in ms. */
const LATE_STREAM = 5_000

/** Bound on one `dial()` when the caller gives none, in ms. */
const DIAL_TIMEOUT = 30_000

/**
 * Opens a stream to a peer: Go's `pointsub.Dial`.
 *
 * @throws PointSubError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_PEER`, `ERR_DIAL_SELF`, `ERR_PEER_NOT_FOUND`, `ERR_DIAL_FAILED`,
 * `ERR_PROTOCOL_UNSUPPORTED`, `ERR_TOO_MANY_STREAMS`, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_TIMEOUT`, `ERR_ABORTED`
 */
export async function dial(host: Host, peer: PeerLike, protocol: string, options: CancelOptions = {}): Promise<Conn> {
  checkProtocol(protocol)
  const target = parsePeer(peer)
  using cancellation = new Cancellation({ timeout: DIAL_TIMEOUT, ...options }, `dialling ${target.name}`)
  const conn = await cancellation.race(openConn(host, target, protocol, cancellation))
  // As an open socket does, also on a host that was let go.
  const release = host.hold?.()
  if (release !== undefined) void conn.closed.then(release)
  return conn
}

/**
 * Opens a stream to `target`, over a new connection if there is none. Cancelled, it ends when the stream that was being
 * opened has: whoever need not wait for that races it.
 *
 * @param ids what to offer the peer on the connection instead of the protocol's own id, the best first
 */
export async function openConn(
  host: Host,
  target: PeerTarget,
  protocol: string,
  cancellation: Cancellation,
  ids: (connection: Connection) => string[] = () => [protocol]
): Promise<Conn> {
  const connection = await connect(host, target, cancellation)
  try {
    return await openConnOn(connection, protocol, cancellation, ids(connection))
  } catch (error) {
    // A connection whose peer has just gone still counts as open for a moment. Nothing has been sent, so try anew.
    if (!isLoss(error) || cancellation.reason !== undefined || !(await closesSoon(connection))) throw error
    const other = await connect(host, target, cancellation)
    return openConnOn(other, protocol, cancellation, ids(other))
  }
}

/**
 * Opens a stream of `protocol` on `connection`, relayed connections included.
 *
 * @param ids as {@link openConn}
 */
export async function openConnOn(
  connection: Connection,
  protocol: string,
  cancellation: Cancellation,
  ids: string[] = [protocol]
): Promise<Conn> {
  const peer = connection.remotePeer.toString()
  try {
    cancellation.signal.throwIfAborted()
    return await afterColdStart(connection, cancellation.signal, () => openUnless(connection, ids, cancellation))
  } catch (cause) {
    const fallback = connection.status === 'open' ? 'ERR_STREAM_RESET' : 'ERR_CONNECTION_LOST'
    throw toPointSubError(cancellation.reason ?? cause, fallback, `cannot open ${ids.join(' or ')} on ${peer}`, {
      peer,
      protocol,
      sent: false
    })
  }
}

/**
 * A stream that nobody waits for any more is opened all the same, for a while, and then ended: the peer may have
 * accepted it already, and a reset would look like a failure there.
 */
async function openUnless(connection: Connection, ids: string[], cancellation: Cancellation): Promise<Conn> {
  const giveUp = new AbortController()
  let timer: Timer | undefined
  const takeBack = cancellation.onCancel(reason => {
    timer = startTimer(LATE_STREAM, () => giveUp.abort(reason))
    unref(timer)
  })
  try {
    const options = { runOnLimitedConnection: true, maxOutboundStreams: STREAMS_PER_PROTOCOL, signal: giveUp.signal }
    const conn = new Conn(await connection.newStream(ids, options), connection)
    if (cancellation.reason === undefined) return conn
    await end(conn)
    throw cancellation.reason
  } finally {
    clearTimeout(timer)
    takeBack()
  }
}

async function end(conn: Conn): Promise<void> {
  await conn.close({ unread: 'reset' }).catch(() => {
    // Nobody waits for it.
  })
}

function isLoss(error: unknown): boolean {
  return error instanceof PointSubError && (error.code === 'ERR_STREAM_RESET' || error.code === 'ERR_CONNECTION_LOST')
}

/** Whether the connection is closed by now or within a moment. */
function closesSoon(connection: Connection): Promise<boolean> {
  if (connection.status !== 'open') return Promise.resolve(true)
  return new Promise(resolve => {
    const settle = (): void => {
      clearTimeout(timer)
      connection.removeEventListener('close', settle)
      resolve(connection.status !== 'open')
    }
    const timer = setTimeout(settle, DYING)
    connection.addEventListener('close', settle)
  })
}
