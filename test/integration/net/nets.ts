import nodeNet from 'node:net'
import { createNet } from '../../../src/net/index.ts'
import { HostPair } from '../../support/hosts.ts'

/** What a program written for `node:net` knows. */
export type NetLike = typeof nodeNet

/** Two ends: what `server` listens with is reached from `client`. */
export interface Nets {
  readonly name: string
  readonly server: NetLike
  readonly client: NetLike
  /** Where the servers are, as `host` and as what a `lookup` finds. */
  readonly address: string
  /** What the addresses of either end are to be shown as in a log. */
  readonly addresses: readonly string[]
}

/** A name nobody has; a resolver says so without asking anybody. */
export const UNKNOWN_NAME = 'not..a-name'

const node: Nets = {
  name: 'node:net',
  server: nodeNet,
  client: nodeNet,
  address: '127.0.0.1',
  addresses: ['::ffff:127.0.0.1', '127.0.0.1', '::1', '::']
}

/** `node:net` itself, and ours over two real hosts. */
export interface BothNets extends AsyncDisposable {
  readonly node: Nets
  readonly ours: Nets
  /** The streams of sockets that are open on either host. */
  openStreams(): string[]
}

export async function bothNets(): Promise<BothNets> {
  const hosts = await HostPair.create()
  await hosts.connect()
  const address = String(hosts.address)
  const ours: Nets = {
    name: 'pointsub/net',
    server: createNet(hosts.server) as unknown as NetLike,
    client: createNet(hosts.client, {
      resolve: name => (name === UNKNOWN_NAME ? undefined : address)
    }) as unknown as NetLike,
    address,
    addresses: [address, ...hosts.both.map(host => host.peerId.toString())]
  }
  return {
    node,
    ours,
    openStreams: () => openStreams(hosts),
    [Symbol.asyncDispose]: () => hosts[Symbol.asyncDispose]()
  }
}

function openStreams({ both }: HostPair): string[] {
  return both
    .flatMap(host => host.getConnections())
    .flatMap(connection => connection.streams)
    .filter(stream => stream.protocol === undefined || stream.protocol.startsWith('/net/'))
    .map(({ protocol, direction, status }) => `${protocol} ${direction} ${status}`)
}
