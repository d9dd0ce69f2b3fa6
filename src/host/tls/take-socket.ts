import { Socket } from 'node:net'
import type { MessageStream, StreamMessageEvent } from '@libp2p/interface'

/**
 * The TCP socket below a connection that has only negotiated so far, with whatever was read of it put back; the
 * connection gets no more of its bytes. undefined when there is no such socket, or it cannot be had without loss.
 */
export function takeSocket(connection: MessageStream): Socket | undefined {
  if (!('socket' in connection) || !(connection.socket instanceof Socket)) return undefined
  const { socket } = connection
  // What is not yet with the operating system would be overtaken by what TLS writes below this socket.
  if (connection.status !== 'open' || socket.destroyed || socket.writableLength > 0) return undefined
  const early = takeBuffered(connection)
  socket.pause()
  socket.removeAllListeners('data')
  for (const chunk of early.toReversed()) socket.unshift(chunk)
  return socket
}

/** What the connection has read and nobody has asked for. */
function takeBuffered(connection: MessageStream): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const take = ({ data }: StreamMessageEvent): void => {
    chunks.push(...(data instanceof Uint8Array ? [data] : data))
  }
  connection.pause()
  connection.addEventListener('message', take)
  // It hands over what it holds back at once, and what the socket has only later.
  connection.resume()
  connection.removeEventListener('message', take)
  return chunks
}
