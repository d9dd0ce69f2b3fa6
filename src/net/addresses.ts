import type { Conn } from '../conn/conn.ts'

/** One end of a socket, or what a server listens on, in the shape `node:net` gives. */
export interface PeerAddress {
  /** The peer id. */
  address: string
  /** What kind of address that is. */
  family: 'libp2p'
  /** n where the protocol is `/net/n`; undefined for any other protocol. */
  port: number | undefined
  protocol: string
}

const PREFIX = '/net/'
/** The ports a system hands out by itself, by IANA. */
export const FIRST_EPHEMERAL_PORT = 49_152
export const EPHEMERAL_PORTS: number = 65_536 - FIRST_EPHEMERAL_PORT

/** The protocol that stands for a port. */
export function protocolOfPort(port: number): string {
  return `${PREFIX}${port}`
}

/** The port a protocol stands for, if it stands for one. */
export function portOfProtocol(protocol: string): number | undefined {
  const port = protocol.startsWith(PREFIX) ? Number(protocol.slice(PREFIX.length)) : Number.NaN
  return port <= 65_535 && protocolOfPort(port) === protocol ? port : undefined
}

/** The port of the end that opened a stream, which has none: the stream's number, the same at both ends. */
function dialledFrom(conn: Conn): number | undefined {
  const number = Number(conn.stream.id)
  return Number.isSafeInteger(number) ? FIRST_EPHEMERAL_PORT + (number % EPHEMERAL_PORTS) : undefined
}

export function localPort(conn: Conn): number | undefined {
  return conn.direction === 'inbound' ? portOfProtocol(conn.protocol) : dialledFrom(conn)
}

export function remotePort(conn: Conn): number | undefined {
  return conn.direction === 'outbound' ? portOfProtocol(conn.protocol) : dialledFrom(conn)
}
