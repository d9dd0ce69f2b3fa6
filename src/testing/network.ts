import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import {
  type Libp2p,
  NotFoundError,
  type PeerId,
  type PeerInfo,
  type PeerRouting,
  peerRoutingSymbol
} from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { checkCount } from '../core/arguments.ts'
import { resolveOptions } from '../core/option-table.ts'
import { OPTIONS } from '../core/options.ts'
import { Dice } from './dice.ts'
import { checkSeed, type FaultOptions } from './fault-options.ts'
import { FaultPlan, type Faults } from './faults.ts'
import { type FaultyHost, faultyHost } from './with-faults.ts'

export interface NetworkOptions {
  /** How many hosts there are at first. Default 2. */
  hosts?: number | undefined
  /** A whole number: the same seed gives the same peer ids, and injects the same faults. Default 0. */
  seed?: number | undefined
  /** The faults of every link, each way; none by default. */
  faults?: FaultOptions | undefined
}

/** A host of a network: a js-libp2p node that is started, and knows every other by its peer id. */
export type NetworkHost = FaultyHost<Libp2p & AsyncDisposable>

/** Hosts in one process that reach each other, and nobody else, through memory. Made by {@link createNetwork}. */
export interface Network extends AsyncDisposable {
  readonly hosts: readonly NetworkHost[]
  /** The faults of all links. A link delays what either host sends, once: a round trip takes `latency` twice. */
  readonly faults: Faults
  /** One host more. */
  addHost(): Promise<NetworkHost>
  /** Stops every host at once: what is on its way is lost. */
  stop(): Promise<void>
}

/** What `createHost()` gives its nodes, so that what holds here holds there. */
const LIMITS = resolveOptions(OPTIONS.host, {}, 'createNetwork')
/** What libp2p reads ahead of a protocol's handler while it still negotiates, besides one whole window. */
const READ_AHEAD = 64 * 1024

/**
 * Starts hosts in memory: real js-libp2p nodes with handshakes, muxers and backpressure, without sockets, in Node and in
 * browsers. `await using` stops them.
 *
 * Their keys follow from the seed: they are for tests and nothing else.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG`, `ERR_INVALID_ARGUMENT`
 */
export async function createNetwork(options: NetworkOptions = {}): Promise<Network> {
  const { hosts = 2, seed = 0, faults = {} } = options
  checkCount('hosts', hosts, 0)
  checkSeed(seed, 'createNetwork')
  const plan = new FaultPlan(seed)
  plan.set(faults)
  const network = new MemoryNetwork(plan)
  try {
    await network.grow(hosts)
  } catch (error) {
    await network.stop()
    throw error
  }
  return network
}

class MemoryNetwork implements Network {
  readonly hosts: NetworkHost[] = []
  readonly faults: FaultPlan
  readonly #directory = new Map<string, { number: number; host: Libp2p }>()
  #made = 0

  constructor(faults: FaultPlan) {
    this.faults = faults
  }

  async addHost(): Promise<NetworkHost> {
    const number = this.#made
    this.#made += 1
    const node = await createLibp2p(await nodeOptions(this.faults.seed, number, this.#routing))
    const host = Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
    this.#directory.set(host.peerId.toString(), { number, host })
    const labelOf = (peer: string): string => `${number}>${this.#directory.get(peer)?.number ?? peer}`
    const faulty = faultyHost(host, this.faults, labelOf, 'sender')
    this.hosts[number] = faulty
    return faulty
  }

  async grow(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.addHost()))
  }

  async stop(): Promise<void> {
    // A link is known once its connection has been asked for. libp2p waits half a second for one that is not cut.
    for (const host of this.hosts) host.getConnections()
    this.faults.disconnect()
    await Promise.all(this.hosts.map(async host => host.stop()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Where a host asks for the addresses of a peer it has not met. */
  readonly #routing = {
    findPeer: async (id: PeerId): Promise<PeerInfo> => {
      const found = this.#directory.get(id.toString())
      if (found === undefined) throw new NotFoundError(`${id.toString()} is not in this network`)
      return { id, multiaddrs: found.host.getMultiaddrs() }
    }
  }
}

async function nodeOptions(seed: number, number: number, routing: Partial<PeerRouting>): Promise<Libp2pOptions> {
  const { maxConnections, maxDialQueueLength, maxParallelDials, streamWindow } = LIMITS
  const dice = new Dice(`key ${seed} ${number}`)
  return {
    privateKey: await generateKeyPairFromSeed(
      'Ed25519',
      Uint8Array.from({ length: 32 }, (_, i) => dice.whole(i))
    ),
    // Not of the seed: two networks of one seed may be there at once.
    addresses: { listen: [multiaddr(`/memory/${Math.random().toString(36).slice(2)}-${number}`).toString()] },
    transports: [memory()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: LIMITS.maxStreamsPerConnection,
        maxOutboundStreams: LIMITS.maxStreamsPerConnection,
        maxEarlyStreams: LIMITS.maxEarlyStreams,
        streamOptions: { maxStreamWindowSize: streamWindow, maxReadBufferLength: streamWindow + READ_AHEAD }
      })
    ],
    connectionManager: {
      maxConnections,
      maxDialQueueLength,
      maxParallelDials,
      maxIncomingPendingConnections: LIMITS.maxIncomingPendingConnections,
      inboundConnectionThreshold: LIMITS.maxDialQueueLength
    },
    services: { identify: identify(), ping: ping(), routing: () => ({ [peerRoutingSymbol]: routing }) }
  }
}
