import type { Multiaddr } from '@multiformats/multiaddr'
import type { Wire } from '../../../src/core/wire.ts'
import { Client, type ClientOptions, type Conn, type Handler, Server, type ServerOptions } from '../../../src/index.ts'
import { createNetwork, type Network, type NetworkHost } from '../../../src/testing/index.ts'
import { MIB } from '../../support/bytes.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { raise } from '../../support/raise.ts'
import { answerOf, encoded, handleMux, type RawMuxServer } from '../../support/raw-mux.ts'
import { PROTOCOL } from '../../support/rpc.ts'

/** The answering side of one request by hand. */
export interface RawAnswer {
  /** Sends the first half of an answer. */
  half(): void
  /** Announces an answer of 33 MiB. */
  huge(): void
  /** Ends the stream without another word. */
  end(): void
}

export interface SceneOptions {
  wire: Wire
  client?: ClientOptions | undefined
  server?: ServerOptions | undefined
}

/** A client and a server on two hosts of an in-memory network, and what goes wrong between them. */
export class FaultScene implements AsyncDisposable {
  readonly wire: Wire
  readonly network: Network
  readonly near: NetworkHost
  readonly far: NetworkHost
  /** The far host's addresses, also when it is gone. */
  readonly address: Multiaddr[]
  readonly server: Server
  readonly client: Client
  /** How often the far side has seen the request. */
  seen = 0

  private constructor(network: Network, { wire, client, server }: SceneOptions) {
    this.wire = wire
    this.network = network
    this.near = network.hosts[0] ?? raise('no host')
    this.far = network.hosts[1] ?? raise('no host')
    this.address = this.far.getMultiaddrs()
    this.server = new Server(this.far, server)
    this.client = new Client(this.near, { wire, ...client })
  }

  static async create(options: SceneOptions): Promise<FaultScene> {
    return new FaultScene(await createNetwork({ hosts: 2, seed: 1 }), options)
  }

  /** Serves with a handler; empty requests are echoed, and not counted. */
  async serve(handler: Handler): Promise<void> {
    await this.server.start(PROTOCOL, (request, context) => {
      if (request.byteLength === 0) return request
      this.seen += 1
      return handler(request, context)
    })
  }

  /** A call that is answered, of a handler that echoes it. */
  async greet(): Promise<void> {
    await this.client.send(this.address, PROTOCOL, new Uint8Array(0))
  }

  /** Serves by hand, calling back once the request has begun to come. */
  async serveRaw(onRequest: (answer: RawAnswer) => unknown): Promise<void> {
    if (this.wire === 'plain') void this.#acceptRaw(onRequest)
    else {
      await this.serveMux(async ({ control }) => {
        const { id } = await control.next('request')
        const answer = encoded(answerOf(id, new Uint8Array(100)))
        void onRequest({
          half: () => control.send(answer.subarray(0, 60)),
          huge: () => control.send(answerOf(id, new Uint8Array(100), { encoding: 1, size: 33 * MIB })),
          end: () => void control.stream.close()
        })
      })
    }
  }

  /** Serves the mux wire by hand. */
  serveMux(play: (session: RawMuxServer) => void | Promise<void>): Promise<void> {
    return handleMux(this.far, { settings: { credit: MIB } }, play)
  }

  async #acceptRaw(onRequest: (answer: RawAnswer) => unknown): Promise<void> {
    for await (const conn of this.server.accept(PROTOCOL)) {
      void conn.read().then(() => {
        this.seen += 1
        return onRequest(answerOn(conn))
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

function answerOn(conn: Conn): RawAnswer {
  const write = (bytes: Uint8Array): void => void conn.write(bytes).catch(() => {})
  return {
    half: () => write(Uint8Array.of(0, 0, 0, 100, ...new Uint8Array(50))),
    huge: () => write(Uint8Array.of(2, 16, 0, 0)),
    end: () => void conn.close().catch(() => {})
  }
}
