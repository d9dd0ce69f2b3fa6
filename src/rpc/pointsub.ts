import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import type { PeerLike } from '../core/peers.ts'
import { Client, type ClientOptions } from './client.ts'
import type { ClosestAnswer, SendClosestOptions } from './send-closest.ts'
import { Server, type ServerOptions, type StopOptions } from './server.ts'
import type { Handler, SendOptions } from './types.ts'

export interface PointSubOptions {
  client?: ClientOptions | undefined
  /** Options of the server; `true` stands for their defaults. When given, the server is started at once. */
  server?: ServerOptions | boolean | undefined
}

/** A client and, once it is started, a server on one host: Go PointSub's `PointSub`. */
export class PointSub implements AsyncDisposable {
  readonly client: Client
  readonly #host: Host
  #server: Server | undefined

  /** @throws PointSubError `ERR_INVALID_CONFIG` */
  constructor(host: Host, { client, server = false }: PointSubOptions = {}) {
    this.#host = host
    this.client = new Client(host, client)
    if (server !== false) this.startServer(server === true ? {} : server)
  }

  /** The server; undefined while it is not running. */
  get server(): Server | undefined {
    return this.#server
  }

  /**
   * Makes the server, unless there is one: now {@link start} takes handlers.
   *
   * @throws PointSubError `ERR_INVALID_CONFIG`
   */
  startServer(options: ServerOptions = {}): void {
    this.#server ??= new Server(this.#host, options)
  }

  /** Stops the server, if there is one; it can be started again, without its handlers. */
  async stopServer(options?: StopOptions): Promise<void> {
    // First, for it may refuse its options.
    const stopped = this.#server?.stop(options)
    this.#server = undefined
    await stopped
  }

  isServerRunning(): boolean {
    return this.#server !== undefined
  }

  /**
   * Serves a protocol; see {@link Server.start}.
   *
   * @throws PointSubError `ERR_SERVER_CLOSED` when the server was not started, `ERR_PROTOCOL_EXISTS`, `ERR_INVALID_ARGUMENT`
   */
  async start(protocol: string, handler: Handler): Promise<void> {
    if (this.#server === undefined) {
      throw new PointSubError('ERR_SERVER_CLOSED', 'the server is not running: call startServer() first', { protocol })
    }
    await this.#server.start(protocol, handler)
  }

  /** Sends a request to a peer; see {@link Client.send}. */
  send(peer: PeerLike, protocol: string, request: Uint8Array, options?: SendOptions): Promise<Uint8Array> {
    return this.client.send(peer, protocol, request, options)
  }

  /** Sends a request to the closest peer; see {@link Client.sendClosest}. */
  sendClosest(protocol: string, request: Uint8Array, options?: SendClosestOptions): Promise<ClosestAnswer> {
    return this.client.sendClosest(protocol, request, options)
  }

  /** Stops the server and closes the client. The host goes on. */
  async stop(options?: StopOptions): Promise<void> {
    await Promise.all([this.stopServer(options), this.client.close()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
