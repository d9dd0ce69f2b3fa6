import { isPeerId, type PeerId } from '@libp2p/interface'
import { openConn } from '../conn/dial.ts'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { checkProtocol } from '../core/arguments.ts'
import { PointSubError, textOf } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type Given, OPTIONS, type Resolved, resolveOptions } from '../core/options.ts'
import { isKnown, type KnownPeer, type PeerLike, type PeerTarget, parseKnownPeer, parsePeer } from '../core/peers.ts'
import { encodeFrame } from '../frame/plain.ts'
import { NodeTable } from '../route/node-table.ts'
import { ClientStream } from './client-stream.ts'
import { PeerLookup } from './peer-lookup.ts'
import { askInOrder, type ClosestAnswer, type SendClosestOptions } from './send-closest.ts'
import { StreamHabits } from './stream-habits.ts'
import { StreamPool } from './stream-pool.ts'
import { Sweeper } from './sweeper.ts'

export type ClientOptions = Given<typeof OPTIONS.client>

/** Sends requests to any number of peers and protocols from one host: Go PointSub's `Client`. */
export class Client implements AsyncDisposable {
  readonly #host: Host
  readonly #options: Resolved<typeof OPTIONS.client>
  readonly #habits = new StreamHabits()
  readonly #pools = new Map<string, StreamPool>()
  readonly #sweeper: Sweeper
  readonly #lookup: PeerLookup
  readonly #nodes = new NodeTable()
  #closed: PointSubError | undefined

  /** @throws PointSubError `ERR_INVALID_CONFIG` */
  constructor(host: Host, options: ClientOptions = {}) {
    this.#host = host
    this.#options = resolveOptions(OPTIONS.client, options, 'Client')
    this.#sweeper = new Sweeper(this.#options.idleTimeout)
    this.#lookup = new PeerLookup(host, this.#options.connectTimeout)
  }

  /**
   * Sends one request and resolves to its answer. Streams are reused, concurrent calls are safe.
   *
   * @param peer a PeerId, its text, a multiaddr, its text, or several multiaddrs of one peer
   * @param options `signal` aborts the call, `timeout` (ms) bounds it instead of the client's `timeout`
   * @throws PointSubError with `sent` (`false`: the peer has certainly not seen the request) and `code`
   * `ERR_INVALID_PEER`, `ERR_INVALID_ARGUMENT`, `ERR_DIAL_SELF`, `ERR_PEER_NOT_FOUND`, `ERR_DIAL_FAILED`,
   * `ERR_PROTOCOL_UNSUPPORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_NO_RESPONSE`,
   * `ERR_UNEXPECTED_EOF`, `ERR_INVALID_FRAME`, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_CLIENT_CLOSED`
   */
  async send(peer: PeerLike, protocol: string, request: Uint8Array, options: CancelOptions = {}): Promise<Uint8Array> {
    let target: PeerTarget | undefined
    try {
      const frame = this.#check(protocol, request)
      target = parsePeer(peer)
      const { signal, timeout = this.#options.timeout } = options
      using cancellation = new Cancellation({ signal, timeout }, 'the call')
      const known = isKnown(target) ? target : await this.#lookup.find(target, cancellation)
      const pool = this.#pool(known, protocol)
      const acquired = pool.acquire(cancellation)
      const stream = acquired instanceof ClientStream ? acquired : await acquired
      try {
        return await stream.request(frame, cancellation)
      } finally {
        pool.release(stream)
      }
    } catch (error) {
      throw error instanceof PointSubError
        ? error.with({ peer: target?.id?.toString() ?? target?.name ?? textOf(peer), protocol, sent: false })
        : error
    }
  }

  /**
   * Notes that a peer serves a protocol, for {@link sendClosest}. Adding it again gives it new addresses.
   *
   * @throws PointSubError `ERR_INVALID_PEER`, also for an address without a peer id
   */
  addServerNode(protocol: string, peer: PeerLike): void {
    this.#nodes.add(protocol, parseKnownPeer(peer))
  }

  /** Takes a node away; tells whether it was there. */
  removeServerNode(protocol: string, peer: PeerLike): boolean {
    return this.#nodes.remove(protocol, parseKnownPeer(peer).id)
  }

  /** The nodes of a protocol, in the order they were added. */
  getServerNodes(protocol: string): PeerId[] {
    return this.#nodes.list(protocol).map(({ target }) => target.id)
  }

  /** Takes away all nodes, or those of one protocol. */
  clearServerNodes(protocol?: string): void {
    this.#nodes.clear(protocol)
  }

  hasAvailableNodes(protocol: string): boolean {
    return this.#nodes.list(protocol).some(({ target }) => !target.id.equals(this.#host.peerId))
  }

  /**
   * Sends a request to the node closest to it (SHA-256 of the request XOR SHA-256 of the peer id), as Go's
   * `SendClosest`; to the next one if that fails. Nodes that failed lately come last. The own peer is never asked.
   * A request may so be processed by more than one node: `sent` of the error tells.
   *
   * @throws PointSubError as {@link send}, `ERR_NO_NODES`, and `ERR_INVALID_ARGUMENT` for an empty request
   */
  async sendClosest(protocol: string, request: Uint8Array, options: SendClosestOptions = {}): Promise<ClosestAnswer> {
    this.#check(protocol, request)
    if (request.byteLength === 0) {
      throw new PointSubError('ERR_INVALID_ARGUMENT', 'an empty request is close to nobody', { protocol, sent: false })
    }
    const { exclude = [], timeout = this.#options.timeout, ...rest } = options
    const excluded = new Set([this.#host.peerId, ...exclude.map(peer => parseKnownPeer(peer).id)].map(String))
    const ranked = await this.#nodes.closestTo(protocol, request, performance.now())
    const nodes = ranked.filter(({ target }) => !excluded.has(target.id.toString()))
    if (nodes.length === 0) {
      throw new PointSubError('ERR_NO_NODES', `no node to ask is known for ${protocol}; use addServerNode()`, {
        protocol,
        sent: false
      })
    }
    return askInOrder(nodes, timeout, (target, left) =>
      this.send(target.dial, protocol, request, { ...rest, timeout: left })
    )
  }

  /** Fails the calls in flight with `ERR_CLIENT_CLOSED` and closes every stream. The host goes on. */
  async close(): Promise<void> {
    const reason = new PointSubError('ERR_CLIENT_CLOSED', 'the client was closed')
    this.#closed ??= reason
    this.#lookup.close(reason)
    await Promise.all([...this.#pools.values()].map(pool => pool.close(reason)))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #check(protocol: string, request: Uint8Array): Uint8Array {
    if (this.#closed !== undefined) throw this.#closed
    checkProtocol(protocol)
    if (!(request instanceof Uint8Array)) {
      throw new PointSubError('ERR_INVALID_ARGUMENT', 'a request is a Uint8Array; use new TextEncoder() for a text')
    }
    return encodeFrame(request, this.#options.maxBlockSize)
  }

  #pool(target: KnownPeer, protocol: string): StreamPool {
    if (this.#closed !== undefined) throw this.#closed
    const key = `${target.id.toString()} ${protocol}`
    const pool = this.#pools.get(key) ?? this.#createPool(key, target, protocol)
    // Addresses given later may be the ones that work.
    if (!isPeerId(target.dial)) pool.target = target
    return pool
  }

  #createPool(key: string, target: KnownPeer, protocol: string): StreamPool {
    const pool: StreamPool = new StreamPool(target, {
      options: this.#options,
      habits: this.#habits,
      open: (current, cancellation) => openConn(this.#host, current, protocol, cancellation),
      onEmpty: () => {
        if (this.#pools.get(key) !== pool) return
        this.#pools.delete(key)
        this.#sweeper.delete(pool)
      }
    })
    this.#pools.set(key, pool)
    this.#sweeper.add(pool)
    return pool
  }
}
