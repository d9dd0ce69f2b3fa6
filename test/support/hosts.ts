import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { createHost, type HostOptions } from '../../src/host/index.ts'
import { forgetArmedTimers } from './timers.ts'
import { until } from './until.ts'

export type TestHost = Libp2p & AsyncDisposable

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']

/** A host of `createHost()` that listens on loopback. */
export function ourHost(options: HostOptions = {}): Promise<TestHost> {
  return createHost({ listen: LOOPBACK, ...options })
}

/** A js-libp2p node as its guides make one: every limit is libp2p's default. */
export async function stockHost(): Promise<TestHost> {
  const node = await createLibp2p({
    addresses: { listen: LOOPBACK },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() }
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

/** Where a host listens, its peer id included. */
export function addressOf(host: TestHost): Multiaddr {
  const [address] = host.getMultiaddrs()
  if (address === undefined) throw new Error('the host does not listen')
  return address
}

export interface PairOptions {
  /** For both hosts. */
  host?: HostOptions
  stockClient?: boolean
  stockServer?: boolean
}

/** Two hosts, not connected yet: one to call from, one to serve on. */
export class HostPair implements AsyncDisposable {
  readonly client: TestHost
  readonly server: TestHost

  private constructor(client: TestHost, server: TestHost) {
    this.client = client
    this.server = server
  }

  static async create({ host, stockClient, stockServer }: PairOptions = {}): Promise<HostPair> {
    forgetArmedTimers()
    const [client, server] = await Promise.all([
      stockClient === true ? stockHost() : ourHost(host),
      stockServer === true ? stockHost() : ourHost(host)
    ])
    return new HostPair(client, server)
  }

  get both(): TestHost[] {
    return [this.client, this.server]
  }

  /** The server's address. */
  get address(): Multiaddr {
    return addressOf(this.server)
  }

  /** Connects the two, if they are not yet, and waits until both know it: the dialler is ready first. */
  async connect(): Promise<Connection> {
    const connection = await this.client.dial(this.address)
    await until(
      'the server has the connection',
      () => this.server.getConnections(this.client.peerId).length,
      connections => connections > 0
    )
    return connection
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.both.map(async host => host.stop()))
  }
}
