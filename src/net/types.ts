import type { DuplexOptions } from 'node:stream'
import type { PeerLike } from '../core/peers.ts'

export interface NetOptions {
  /**
   * Turns the host names of existing code into peers: called with what `connect()` was given as host (`'localhost'` when
   * nothing was) unless that is a peer id or multiaddr already. `undefined` means that there is no such peer.
   */
  resolve?: ((name: string) => PeerLike | undefined | Promise<PeerLike | undefined>) | undefined
  /** Milliseconds after which connecting fails with `ETIMEDOUT`. Default 30,000. */
  connectTimeout?: number | undefined
}

/** The `onread` of `node:net`: bytes go to a buffer of the caller's instead of the stream. */
export interface OnRead {
  buffer: Uint8Array | (() => Uint8Array)
  /** @returns false to pause */
  callback(bytes: number, buffer: Uint8Array): boolean | undefined
}

export interface SocketOptions extends DuplexOptions {
  onread?: OnRead | undefined
  /** Aborting it destroys the socket with `ABORT_ERR`. */
  signal?: AbortSignal | undefined
  /** Taken and ignored: libp2p's connection below is shared by many sockets. */
  noDelay?: boolean | undefined
  /** Taken and ignored, as `noDelay`. */
  keepAlive?: boolean | undefined
  /** Taken and ignored, as `noDelay`. */
  keepAliveInitialDelay?: number | undefined
}

/** `dns.lookup`'s shape, with a peer id or multiaddr where that gives an IP address. */
export type Lookup = (
  name: string,
  options: object,
  callback: (error: Error | null, address?: string | { address: string }[], family?: number | string) => void
) => void

export interface ConnectOptions {
  /** The peer itself; wins over `host`. */
  peer?: PeerLike | undefined
  /** The protocol id; wins over `port`. */
  protocol?: string | undefined
  /** Another name of `protocol`, for code that connects to paths. */
  path?: string | undefined
  /** n stands for the protocol `/net/n`. */
  port?: number | string | null | undefined
  /** A peer id, a multiaddr, or a name for `resolve`. Default `'localhost'`. */
  host?: string | null | undefined
  /** Used in place of `resolve`. */
  lookup?: Lookup | undefined
  /** Taken and ignored: a stream has no address of its own. */
  localAddress?: string | undefined
  /** Taken and ignored, as `localAddress`. */
  localPort?: number | undefined
  /** Taken and ignored: libp2p tries a peer's addresses by its own rules. */
  autoSelectFamily?: boolean | undefined
}

/** What `net.connect()` takes: both of the above, and `timeout` for `setTimeout()`. */
export interface NetConnectOptions extends ConnectOptions, SocketOptions {
  timeout?: number | undefined
}

/** The server that accepted a socket: told when that is destroyed. */
export interface Acceptor {
  _left(): void
}

export interface ServerOptions {
  allowHalfOpen?: boolean | undefined
  pauseOnConnect?: boolean | undefined
  /** Bytes, for both directions of each socket. */
  highWaterMark?: number | undefined
  /** Taken and ignored, as `noDelay`, `keepAlive` and `keepAliveInitialDelay` of a socket. */
  noDelay?: boolean | undefined
  keepAlive?: boolean | undefined
  keepAliveInitialDelay?: number | undefined
}

export interface ListenOptions {
  /** The protocol id; wins over `port`. */
  protocol?: string | undefined
  /** Another name of `protocol`. */
  path?: string | undefined
  /** n stands for the protocol `/net/n`; 0 picks a free one. */
  port?: number | string | null | undefined
  /** Taken and ignored: a host listens where it was told to when it was made. */
  host?: string | undefined
  /** Taken and ignored: nothing waits to be accepted. */
  backlog?: number | undefined
  /** Aborting it closes the server. */
  signal?: AbortSignal | undefined
}
