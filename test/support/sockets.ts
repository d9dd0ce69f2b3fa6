import { once } from 'node:events'
import {
  createNet,
  type Net,
  type NetOptions,
  type Server,
  type ServerOptions,
  type Socket
} from '../../src/net/index.ts'
import { HostPair, type PairOptions } from './hosts.ts'
import { type Leftovers, leftovers, nothingLeft } from './leftovers.ts'

export const SOCKET_PROTOCOL = '/test/socket/1.0.0'

/** `node:net` on two hosts: servers on one, clients on the other. */
export class NetPair implements AsyncDisposable {
  readonly hosts: HostPair
  readonly client: Net
  readonly server: Net

  private constructor(hosts: HostPair, options: NetOptions) {
    this.hosts = hosts
    this.client = createNet(hosts.client, { resolve: () => hosts.address, ...options })
    this.server = createNet(hosts.server)
  }

  static async create(options: PairOptions & NetOptions = {}): Promise<NetPair> {
    return new NetPair(await HostPair.create(options), options)
  }

  /** The server host's address, for `peer`. */
  get peer(): HostPair['address'] {
    return this.hosts.address
  }

  async listen(options: ServerOptions = {}, protocol: string = SOCKET_PROTOCOL): Promise<Server> {
    const server = this.server.createServer(options).listen(protocol)
    await once(server, 'listening')
    return server
  }

  /** A socket and the one that was accepted for it. */
  async connect(
    server: Server,
    options: { allowHalfOpen?: boolean } = {}
  ): Promise<{ socket: Socket; accepted: Socket }> {
    const protocol = server.address()?.protocol ?? SOCKET_PROTOCOL
    const socket = this.client.connect({ peer: this.peer, protocol, ...options })
    const [[accepted]] = await Promise.all([once(server, 'connection'), once(socket, 'connect')])
    return { socket, accepted: accepted as Socket }
  }

  leftovers(protocol: string = SOCKET_PROTOCOL): Leftovers {
    return leftovers(protocol, this.hosts.both)
  }

  nothingLeft(before?: Leftovers, protocol: string = SOCKET_PROTOCOL): Promise<void> {
    return nothingLeft(protocol, this.hosts.both, before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hosts[Symbol.asyncDispose]()
  }
}

/** The events of a socket's end as they come, each once: `error:CODE`, `end`, `close:hadError`. */
export function endingOf(socket: Socket): { events: string[]; closed: Promise<string[]> } {
  const events: string[] = []
  socket.on('end', () => events.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(`error:${error.code}`))
  const closed = new Promise<string[]>(resolve => {
    socket.on('close', (hadError: boolean) => {
      events.push(`close:${hadError}`)
      // One more turn, for what must not come after.
      setImmediate(() => resolve(events))
    })
  })
  return { events, closed }
}
