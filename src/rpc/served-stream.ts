import type { Conn } from '../conn/conn.ts'
import type { PointSubError } from '../core/errors.ts'
import { protocolOf, type Wire } from '../core/wire.ts'
import type { ConnectionInfo } from './types.ts'
import type { Sweepable } from './sweeper.ts'

/** An open stream as its server sees it, whether it carries requests or was accepted raw. */
export interface ServedStream extends Sweepable {
  readonly conn: Conn
  readonly wire: Wire
  /** Requests answered so far. */
  readonly requests: number
  /** When something last happened on it, on performance.now()'s clock. */
  readonly lastActive: number
  readonly createdAt: number
  /** Whether its bytes belong to whoever accepted it, who alone knows whether it is still needed. */
  readonly isRaw: boolean
  /** Whether no request is under way on it. */
  readonly isIdle: boolean
  /** Lets what is under way finish, then ends the stream; a peer that does not end its side is reset. */
  stop(): void
  /** Ends the stream now, whatever it is doing. */
  kill(reason: PointSubError): void
}

export type Clocked = Pick<ServedStream, 'conn' | 'wire' | 'requests' | 'lastActive' | 'createdAt'>

/** @param now on performance.now()'s clock */
export function describeStream({ conn, wire, requests, lastActive, createdAt }: Clocked, now: number): ConnectionInfo {
  // From the clock of now: the one streams are timed by runs on its own.
  const dateOf = (time: number): Date => new Date(Date.now() - (now - time))
  return {
    remoteAddr: conn.remoteMultiaddr.toString(),
    peer: conn.remotePeer,
    protocol: protocolOf(conn.protocol, wire),
    wire,
    lastActive: dateOf(lastActive),
    idleTime: Math.max(0, now - lastActive),
    requestCount: requests,
    createdAt: dateOf(createdAt)
  }
}
