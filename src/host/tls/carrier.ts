import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type MessageStream, TimeoutError } from '@libp2p/interface'
import { MessageDuplex } from './message-duplex.ts'
import { takeSocket } from './take-socket.ts'

/** A connection and what runs TLS on it. */
export interface Carrier {
  readonly connection: MessageStream
  readonly socket: TLSSocket
  /** Whether TLS runs on the TCP socket, so that the end of the one is the end of the other. */
  readonly isDirect: boolean
}

/** Starts TLS on the TCP socket below a connection, or over the connection when there is none to be had. */
export function carry(connection: MessageStream, start: (below: Socket | Duplex) => TLSSocket): Carrier {
  const below = takeSocket(connection)
  const socket = start(below ?? new MessageDuplex(connection))
  const onError = (error: Error): void => connection.abort(error)
  socket.on('error', onError)
  // Without a tls.Server around it, a socket that accepts tells of bad records only so. Handshakes that fail end anyway, and
  // to abort them would keep the alert from the peer.
  socket.once('secure', () => socket.on('_tlsError', onError))
  if (below !== undefined) {
    takeTimeout(below, socket, connection)
    keepFromReset(below, socket)
  }
  return { connection, socket, isDirect: below !== undefined }
}

/** The TCP socket sees no bytes any more, so its timeout would call every connection idle. */
function takeTimeout(below: Socket, socket: TLSSocket, connection: MessageStream): void {
  const milliseconds = below.timeout ?? 0
  below.setTimeout(0)
  socket.setTimeout(milliseconds, () =>
    connection.abort(new TimeoutError(`no byte came or left for ${milliseconds} ms`))
  )
}

/** A reset behind the end that TLS has sent fails in the operating system, and Node then never closes the socket. */
function keepFromReset(below: Socket, socket: TLSSocket): void {
  const reset = below.resetAndDestroy.bind(below)
  below.resetAndDestroy = () => (socket.writableEnded ? below.destroy() : reset())
}
