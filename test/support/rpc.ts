import type { Multiaddr } from '@multiformats/multiaddr'
import {
  type CancelOptions,
  Client,
  type ClientOptions,
  type Handler,
  Server,
  type ServerFailure,
  type ServerOptions
} from '../../src/index.ts'
import { failuresOf } from './failures.ts'
import { HostPair, type PairOptions } from './hosts.ts'
import { type Leftovers, leftovers, nothingLeft, streamsOf } from './leftovers.ts'
import { until } from './until.ts'
import { USUAL, type WireOption } from './wires.ts'

export const PROTOCOL = '/test/1.0.0'

export const echo: Handler = request => request

export interface RpcOptions extends PairOptions {
  /** Of the client, the plain one unless said; the server has both. */
  wire?: WireOption
  handler?: Handler
  serverOptions?: ServerOptions
  clientOptions?: ClientOptions
}

/** A client on one host, and a server of {@link PROTOCOL} on another. */
export class Rpc implements AsyncDisposable {
  readonly pair: HostPair
  readonly server: Server
  readonly client: Client
  /** The server's `failure` events. */
  readonly failures: ServerFailure[]

  private constructor(pair: HostPair, { wire = USUAL, serverOptions, clientOptions }: RpcOptions) {
    this.pair = pair
    this.server = new Server(pair.server, serverOptions)
    // Without retries, for most tests are about what one try gives.
    this.client = new Client(pair.client, { wire, maxRetries: 0, ...clientOptions })
    this.failures = failuresOf(this.server)
  }

  static async create(options: RpcOptions = {}): Promise<Rpc> {
    const rpc = new Rpc(await HostPair.create(options), options)
    await rpc.server.start(PROTOCOL, options.handler ?? echo)
    return rpc
  }

  get address(): Multiaddr {
    return this.pair.address
  }

  get peer(): string {
    return this.pair.server.peerId.toString()
  }

  /** A call of {@link PROTOCOL} to the server. */
  send(request: Uint8Array, options?: CancelOptions): Promise<Uint8Array> {
    return this.client.send(this.address, PROTOCOL, request, options)
  }

  /** On the mux wire a client knows by its first answer how much its peer takes. */
  async greet(): Promise<void> {
    await this.send(new Uint8Array(0))
  }

  /** Streams of {@link PROTOCOL} open on the client's host. */
  get openStreams(): number {
    return streamsOf(PROTOCOL, this.pair.client).length
  }

  /** Streams of {@link PROTOCOL} open on the server's host. */
  get servedStreams(): number {
    return streamsOf(PROTOCOL, this.pair.server).length
  }

  leftovers(): Leftovers {
    return leftovers(PROTOCOL, this.pair.both)
  }

  /** Waits until no stream, timer or listener is left on either side. */
  async nothingLeft(before?: Leftovers): Promise<void> {
    await nothingLeft(PROTOCOL, this.pair.both, before)
    await until(
      'the server has forgotten its streams',
      () => this.server.activeStreams,
      streams => streams === 0
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    // Not awaited: whether stop() ends is what some tests are about.
    void this.server.stop({ grace: 0 })
    await this.pair[Symbol.asyncDispose]()
  }
}

/** A handler that answers when it is told to, and tells how many requests wait; empty ones pass. */
export class Gate {
  #waiting: (() => void)[] = []
  /** Requests that came, over all. */
  entered = 0

  readonly handler: Handler = async request => {
    if (request.byteLength === 0) return request
    this.entered += 1
    await new Promise<void>(resolve => this.#waiting.push(resolve))
    return request
  }

  /** Resolves when `count` requests have come. */
  async reached(count: number): Promise<void> {
    await until(
      'requests at the gate',
      () => this.entered,
      entered => entered >= count
    )
  }

  /** Lets every request answer that has come. */
  open(): void {
    for (const proceed of this.#waiting.splice(0)) proceed()
  }
}

/** Runs `task` for 0 … count-1, at most `concurrency` at a time; the first failure is thrown when all have ended. */
export async function repeat(
  count: number,
  concurrency: number,
  task: (index: number) => Promise<void>
): Promise<void> {
  let next = 0
  const errors: unknown[] = []
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      try {
        await task(index)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  if (errors.length > 0)
    throw new Error(`${errors.length} of ${count} failed, the first: ${String(errors[0])}`, { cause: errors[0] })
}
