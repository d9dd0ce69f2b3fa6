import { Client, type ClientOptions } from '../../src/index.ts'
import { HostPair } from './hosts.ts'
import { nothingLeft } from './leftovers.ts'
import { handleMux, MUX, type RawMuxServer, type RawMuxServerOptions } from './raw-mux.ts'
import { PROTOCOL } from './rpc.ts'

/** Two hosts, for one server after the other that is played by hand, and its client. */
export class PlayedServer {
  #pair: HostPair | undefined

  async start(): Promise<void> {
    this.#pair = await HostPair.create()
    await this.#pair.connect()
  }

  async stop(): Promise<void> {
    await this.#pair?.[Symbol.asyncDispose]()
  }

  get pair(): HostPair {
    if (this.#pair === undefined) throw new Error('start() comes first')
    return this.#pair
  }

  get peer(): string {
    return this.pair.server.peerId.toString()
  }

  send(client: Client, request: Uint8Array, options: { timeout?: number } = {}): Promise<Uint8Array> {
    return client.send(this.pair.address, PROTOCOL, request, options)
  }

  /** A new client of a server whose sessions are played; afterwards nothing may be left of either. */
  async against(
    play: (session: RawMuxServer) => unknown,
    call: (client: Client) => Promise<void>,
    { server, client: options }: { server: RawMuxServerOptions; client?: ClientOptions }
  ): Promise<void> {
    const { pair } = this
    await handleMux(pair.server, server, async session => void (await play(session)))
    const client = new Client(pair.client, { maxRetries: 0, wire: 'mux', ...options })
    try {
      await call(client)
      await client.close()
      await nothingLeft(MUX, pair.both)
    } finally {
      await client.close()
      await pair.server.unhandle(MUX)
    }
  }
}
