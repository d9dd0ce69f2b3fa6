import {
  Client,
  type ClientOptions,
  type Handler,
  type SendOptions,
  Server,
  type ServerOptions
} from '../../src/index.ts'
import { addressOf, ourHost, stockHost, type TestHost } from './hosts.ts'
import { type Leftovers, leftovers, nothingLeft, streamsOf } from './leftovers.ts'
import { echo, PROTOCOL } from './rpc.ts'
import { forgetArmedTimers } from './timers.ts'
import { USUAL, type WireOption } from './wires.ts'

export interface PeersOptions {
  /** Of the client, the plain one unless said; the servers have both. */
  wire?: WireOption
  /** The handler of each server. */
  handler?: (index: number) => Handler
  serverOptions?: ServerOptions
  clientOptions?: ClientOptions
  stockClient?: boolean
}

/** A client on one host, and a server of {@link PROTOCOL} on each of several others. */
export class Peers implements AsyncDisposable {
  readonly caller: TestHost
  readonly client: Client
  readonly hosts: TestHost[]
  readonly servers: Server[]
  /** The peer ids of who handled a request, as they did. */
  readonly asked: string[] = []

  private constructor(caller: TestHost, hosts: TestHost[], options: PeersOptions) {
    const { wire = USUAL, clientOptions, serverOptions } = options
    this.caller = caller
    this.hosts = hosts
    this.servers = hosts.map(host => new Server(host, serverOptions))
    this.client = new Client(caller, { wire, maxRetries: 0, ...clientOptions })
  }

  static async create(count: number, options: PeersOptions = {}): Promise<Peers> {
    forgetArmedTimers()
    const caller = options.stockClient === true ? await stockHost() : await ourHost()
    const hosts = await Promise.all(Array.from({ length: count }, () => ourHost()))
    const peers = new Peers(caller, hosts, options)
    const serve = async (server: Server, index: number): Promise<void> => {
      const handler = options.handler?.(index) ?? echo
      const id = peers.host(index).peerId.toString()
      await server.start(PROTOCOL, (request, context) => {
        peers.asked.push(id)
        return handler(request, context)
      })
    }
    await Promise.all(peers.servers.map(serve))
    return peers
  }

  host(index: number): TestHost {
    const host = this.hosts[index]
    if (host === undefined) throw new Error(`there is no peer ${index}`)
    return host
  }

  send(index: number, request: Uint8Array, options?: SendOptions): Promise<Uint8Array> {
    return this.client.send(addressOf(this.host(index)), PROTOCOL, request, options)
  }

  /** Streams of {@link PROTOCOL} open on the caller's host. */
  get openStreams(): number {
    return streamsOf(PROTOCOL, this.caller).length
  }

  /** Streams of {@link PROTOCOL} open on the host of one server. */
  servedStreams(index: number): number {
    return streamsOf(PROTOCOL, this.host(index)).length
  }

  /** Streams that all servers together have accepted so far. */
  get accepted(): number {
    return this.servers.reduce((sum, server) => sum + server.getMetrics().totalConnections, 0)
  }

  leftovers(): Leftovers {
    return leftovers(PROTOCOL, [this.caller, ...this.hosts])
  }

  nothingLeft(before?: Leftovers): Promise<void> {
    return nothingLeft(PROTOCOL, [this.caller, ...this.hosts], before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    for (const server of this.servers) void server.stop({ grace: 0 })
    await Promise.all([this.caller, ...this.hosts].map(async host => host.stop()))
  }
}

/** Looks at a number in every turn of the event loop; `stop()` tells the highest. */
export function watchMost(look: () => number): { stop(): number } {
  let most = 0
  let timer = setImmediate(function watch() {
    most = Math.max(most, look())
    timer = setImmediate(watch)
  })
  return {
    stop: () => {
      clearImmediate(timer)
      return Math.max(most, look())
    }
  }
}
