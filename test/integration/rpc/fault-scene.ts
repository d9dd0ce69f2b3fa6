import type { Multiaddr } from '@multiformats/multiaddr'
import { Client, type ClientOptions, type Conn, type Handler, Server } from '../../../src/index.ts'
import { createNetwork, type Network, type NetworkHost } from '../../../src/testing/index.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { raise } from '../../support/raise.ts'

export const PROTOCOL = '/faults/1.0.0'

/** A client and a server on two hosts of an in-memory network, and what goes wrong between them. */
export class FaultScene implements AsyncDisposable {
  readonly network: Network
  readonly near: NetworkHost
  readonly far: NetworkHost
  /** The far host's addresses, also when it is gone. */
  readonly address: Multiaddr[]
  readonly server: Server
  readonly client: Client
  /** How often the far side has seen the request. */
  seen = 0

  private constructor(network: Network, options: ClientOptions) {
    this.network = network
    this.near = network.hosts[0] ?? raise('no host')
    this.far = network.hosts[1] ?? raise('no host')
    this.address = this.far.getMultiaddrs()
    this.server = new Server(this.far)
    this.client = new Client(this.near, { wire: 'plain', ...options })
  }

  static async create(options: ClientOptions): Promise<FaultScene> {
    return new FaultScene(await createNetwork({ hosts: 2, seed: 1 }), options)
  }

  /** Serves with a handler. */
  async serve(handler: Handler): Promise<void> {
    await this.server.start(PROTOCOL, (request, context) => {
      this.seen += 1
      return handler(request, context)
    })
  }

  /** Serves with raw streams, each called back once the request has begun to come. */
  serveRaw(onRequest: (conn: Conn) => Promise<void>): void {
    void this.#acceptRaw(onRequest)
  }

  async #acceptRaw(onRequest: (conn: Conn) => Promise<void>): Promise<void> {
    for await (const conn of this.server.accept(PROTOCOL)) {
      void conn.read().then(() => {
        this.seen += 1
        return onRequest(conn)
      })
    }
  }

  cut(): void {
    this.network.faults.disconnect(this.near, this.far)
  }

  reset(): void {
    this.network.faults.reset(this.near, this.far)
  }

  /** Waits until no stream and no timer is left on either side. */
  async nothingLeft(): Promise<void> {
    this.network.faults.clear()
    await this.client.close()
    await this.server.stop({ grace: 0 })
    await nothingLeft(PROTOCOL, [this.near, this.far], undefined, { within: 15_000 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.network.stop()
  }
}
