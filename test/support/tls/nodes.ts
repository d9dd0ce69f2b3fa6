import type { Connection, ConnectionEncrypter, MessageStream, SecureConnectionOptions } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { tls as stockTls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { tls } from '../../../src/host/index.ts'
import { override } from '../../../src/host/override.ts'
import { addressOf, type TestHost } from '../hosts.ts'
import { until } from '../until.ts'

/** Ours on the TCP socket, ours over the libp2p stream (as over any other transport), and libp2p's own. */
export type Way = 'socket' | 'stream' | 'stock'

export interface Ways {
  readonly dialler: Way
  readonly listener: Way
}

/** Ours with itself both ways, and with libp2p's in either role. */
export const WAYS: readonly Ways[] = [
  { dialler: 'socket', listener: 'socket' },
  { dialler: 'stream', listener: 'stream' },
  { dialler: 'socket', listener: 'stock' },
  { dialler: 'stream', listener: 'stock' },
  { dialler: 'stock', listener: 'socket' },
  { dialler: 'stock', listener: 'stream' }
]

/** Those who only have to be right about our own end. */
export const OWN_WAYS: readonly Ways[] = WAYS.slice(0, 2)

export type EncrypterFactory = NonNullable<Libp2pOptions['connectionEncrypters']>[number]

export interface NodeOptions {
  tcp?: Parameters<typeof tcp>[0]
  yamux?: Parameters<typeof yamux>[0]
  privateKey?: Libp2pOptions['privateKey']
  /** Whether connections carry streams, as usual, or bytes only. */
  muxes?: boolean
}

/** A js-libp2p node that shakes hands one way only, and sends nothing by itself. */
export async function tlsNode(way: Way | EncrypterFactory, options: NodeOptions = {}): Promise<TestHost> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp(options.tcp)],
    connectionEncrypters: [typeof way === 'string' ? ENCRYPTERS[way] : way],
    streamMuxers: options.muxes === false ? [] : [yamux({ enableKeepAlive: false, ...options.yamux })],
    connectionManager: { inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 10_000 },
    connectionMonitor: { enabled: false },
    ...(options.privateKey === undefined ? {} : { privateKey: options.privateKey })
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

export const ENCRYPTERS: Readonly<Record<Way, EncrypterFactory>> = {
  socket: tls(),
  stream: components => withoutSocket(tls()(components)),
  stock: stockTls()
}

/** What runs over a connection whose socket it does not see. */
function withoutSocket(encrypter: ConnectionEncrypter): ConnectionEncrypter {
  const hide =
    (secure: ConnectionEncrypter['secureInbound']): ConnectionEncrypter['secureInbound'] =>
    (connection: MessageStream, options?: SecureConnectionOptions) =>
      secure.call(
        encrypter,
        'socket' in connection ? override(connection, 'socket', () => undefined) : connection,
        options
      )
  return override(override(encrypter, 'secureInbound', hide), 'secureOutbound', hide)
}

/** Two such nodes. */
export class TlsPair implements AsyncDisposable {
  readonly dialler: TestHost
  readonly listener: TestHost

  private constructor(dialler: TestHost, listener: TestHost) {
    this.dialler = dialler
    this.listener = listener
  }

  static async create({ dialler, listener }: Ways, options: NodeOptions = {}): Promise<TlsPair> {
    return new TlsPair(await tlsNode(dialler, options), await tlsNode(listener, options))
  }

  get both(): TestHost[] {
    return [this.dialler, this.listener]
  }

  /** A connection and its other end. */
  async connect(address: Multiaddr = addressOf(this.listener)): Promise<{ dialled: Connection; accepted: Connection }> {
    const dialled = await this.dialler.dial(address)
    const [accepted] = await until(
      'the listener has the connection',
      () => this.listener.getConnections(this.dialler.peerId),
      connections => connections.length > 0
    )
    if (accepted === undefined) throw new Error('no connection')
    return { dialled, accepted }
  }

  /** Waits until neither has a connection. */
  async disconnected(): Promise<void> {
    await until(
      'no connection is left',
      () => this.both.flatMap(host => host.getConnections()).map(connection => connection.status),
      left => left.length === 0
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.both.map(async host => host.stop()))
  }
}
