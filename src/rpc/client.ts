import type { PeerId } from '@libp2p/interface'
import { checkBoolean, checkProtocol } from '../core/arguments.ts'
import { Cancellation } from '../core/cancellation.ts'
import { messageOf, PointSubError, textOf } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type Given, resolveOptions } from '../core/option-table.ts'
import { type ClientSettings, OPTIONS } from '../core/options.ts'
import { isKnown, type PeerLike, type PeerTarget, parseKnownPeer, parsePeer } from '../core/peers.ts'
import { encodePairs } from '../frame/pairs.ts'
import { Payload } from '../frame/payload.ts'
import { NodeTable, type ServerNode } from '../route/node-table.ts'
import { PeerLookup } from './peer-lookup.ts'
import { Retry } from './retry.ts'
import { askInOrder, type ClosestAnswer, type SendClosestOptions } from './send-closest.ts'
import { describeStream } from './served-stream.ts'
import type { RouteRequest } from './peer-route.ts'
import { PeerRoutes } from './peer-routes.ts'
import type { ClientMetrics, ConnectionInfo, SendOptions } from './types.ts'

export interface ClientOptions extends Given<typeof OPTIONS.client> {
  /** The peers that serve each protocol, for `sendClosest()`: as `addServerNode()` for each of them. */
  serverProtocols?: Readonly<Record<string, readonly PeerLike[]>> | undefined
}

type Attempt<T> = (cancellation: Cancellation, idempotent: boolean) => Promise<T>

interface CallDetails {
  readonly peer?: string
  readonly protocol: string
  readonly request: Uint8Array
  readonly answer: Uint8Array | undefined
}

/** Sends requests to any number of peers and protocols from one host: Go PointSub's `Client`. */
export class Client implements AsyncDisposable {
  readonly #host: Host
  readonly #options: ClientSettings
  readonly #routes: PeerRoutes
  readonly #lookup: PeerLookup
  readonly #retry: Retry
  readonly #nodes = new NodeTable()
  readonly #metrics = { totalRequests: 0, failedRequests: 0, activeRequests: 0, bytesRead: 0, bytesWritten: 0 }
  readonly #calls = new Set<Cancellation>()
  #closed: PointSubError | undefined

  /** @throws PointSubError `ERR_INVALID_CONFIG` */
  constructor(host: Host, options: ClientOptions = {}) {
    const { serverProtocols = {}, ...given } = options
    this.#host = host
    this.#options = resolveOptions(OPTIONS.client, given, 'Client')
    this.#routes = new PeerRoutes(host, this.#options)
    this.#lookup = new PeerLookup(host, this.#options.connectTimeout)
    this.#retry = new Retry(this.#options)
    addNodes(this, serverProtocols)
  }

  /**
   * Sends one request and resolves to its answer. Streams are reused, concurrent calls are safe. A request that fails
   * is tried again up to `maxRetries` times; one that may have reached the peer only if it is `idempotent`, which it is
   * unless you say otherwise. A request of 256 KiB or more is not copied: leave it as it is until the call has ended.
   *
   * @param peer a PeerId, its text, a multiaddr, its text, or several multiaddrs of one peer
   * @param options `signal` aborts the call, `timeout` (ms) bounds it instead of the client's `timeout`, `idempotent`,
   * `metadata` for the handler and `onMetadata` for what it sends back (on the mux wire only)
   * @throws PointSubError with `sent` (`false`: the peer has certainly not processed the request) and `code`
   * `ERR_INVALID_PEER`, `ERR_INVALID_ARGUMENT`, `ERR_DIAL_SELF`, `ERR_PEER_NOT_FOUND`, `ERR_DIAL_FAILED`,
   * `ERR_PROTOCOL_UNSUPPORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_NO_RESPONSE`,
   * `ERR_UNEXPECTED_EOF`, `ERR_INVALID_FRAME`, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_CLIENT_CLOSED`;
   * of the peer, on the mux wire, with `remote`: `ERR_REMOTE`, `ERR_OVERLOADED`, `ERR_MEMORY_LIMIT`, `ERR_SERVER_CLOSED`,
   * and whatever code its handler has thrown
   */
  send(peer: PeerLike, protocol: string, request: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    const prepare = (): Attempt<Uint8Array> => {
      const checked = this.#check(protocol, request, options)
      const target = parsePeer(peer)
      return cancellation => this.#ask(target, protocol, checked, cancellation)
    }
    return this.#perform(prepare, options, answer => ({ peer: nameOfPeer(peer), protocol, request, answer }))
  }

  /**
   * Notes that a peer serves a protocol, for {@link sendClosest}. Adding it again gives it new addresses.
   *
   * @throws PointSubError `ERR_INVALID_PEER`, also for an address without a peer id, and `ERR_INVALID_ARGUMENT`
   */
  addServerNode(protocol: string, peer: PeerLike): void {
    checkProtocol(protocol)
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
   * `SendClosest`; to the next one if that fails, and after the last one, when there are retries left, to the first
   * again. Nodes that failed lately come last. The own peer is never asked. A request may so be processed by more than
   * one node, unless it is not `idempotent`: `sent` of the error tells.
   *
   * @throws PointSubError as {@link send}, `ERR_NO_NODES`, and `ERR_INVALID_ARGUMENT` for an empty request
   */
  sendClosest(protocol: string, request: Uint8Array, options: SendClosestOptions = {}): Promise<ClosestAnswer> {
    const prepare = (): Attempt<ClosestAnswer> => {
      const checked = this.#check(protocol, request, options)
      if (request.byteLength === 0) {
        throw new PointSubError('ERR_INVALID_ARGUMENT', 'an empty request is close to nobody')
      }
      const { exclude = [] } = options
      if (!Array.isArray(exclude)) {
        throw new PointSubError('ERR_INVALID_ARGUMENT', `exclude is a list of peers, not ${textOf(exclude)}`)
      }
      const excluded = exclude.map(peer => parseKnownPeer(peer).id)
      return async (cancellation, idempotent) => {
        const nodes = await this.#closestNodes(protocol, request, [this.#host.peerId, ...excluded])
        return askInOrder(nodes, idempotent, cancellation, (target, part) => this.#ask(target, protocol, checked, part))
      }
    }
    return this.#perform(prepare, options, answer => ({ protocol, request, answer: answer?.response }))
  }

  /** What the client has done, in Go PointSub's counters. */
  getMetrics(): ClientMetrics {
    return { ...this.#metrics, retries: this.#retry.count }
  }

  /** The streams open now. */
  getConnectionsInfo(): ConnectionInfo[] {
    const now = performance.now()
    return this.#routes.streams.map(stream => describeStream(stream, now))
  }

  /** Fails the calls in flight with `ERR_CLIENT_CLOSED` and closes every stream. The host goes on. */
  async close(): Promise<void> {
    const reason = new PointSubError('ERR_CLIENT_CLOSED', 'the client was closed')
    this.#closed ??= reason
    for (const call of this.#calls) call.cancel(reason)
    await this.#routes.close(reason)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #ask(target: PeerTarget, protocol: string, request: RouteRequest, cancellation: Cancellation): Promise<Uint8Array> {
    if (isKnown(target)) return this.#routes.request(target, protocol, request, cancellation)
    const found = this.#lookup.find(target, cancellation)
    return found.then(known => this.#routes.request(known, protocol, request, cancellation))
  }

  async #closestNodes(protocol: string, request: Uint8Array, excluded: readonly PeerId[]): Promise<ServerNode[]> {
    const ranked = await this.#nodes.closestTo(protocol, request, performance.now())
    const nodes = ranked.filter(({ target }) => !excluded.some(id => id.equals(target.id)))
    if (nodes.length > 0) return nodes
    throw new PointSubError('ERR_NO_NODES', `no node to ask is known for ${protocol}; use addServerNode()`)
  }

  /**
   * One call: as many attempts as it takes, within its deadline, and counted.
   *
   * @param about says whom the call was to, and how many bytes went either way
   */
  async #perform<T>(
    prepare: () => Attempt<T>,
    { signal, timeout = this.#options.timeout, idempotent = this.#options.idempotent }: SendOptions,
    about: (answer?: T) => CallDetails
  ): Promise<T> {
    const metrics = this.#metrics
    metrics.totalRequests += 1
    metrics.activeRequests += 1
    let call: Cancellation | undefined
    try {
      const attempt = prepare()
      checkBoolean('idempotent', idempotent)
      const cancellation = new Cancellation({ signal, timeout }, 'the call')
      call = cancellation
      this.#calls.add(call)
      const result = await this.#retry.run(() => attempt(cancellation, idempotent), cancellation, idempotent)
      const { request, answer } = about(result)
      metrics.bytesWritten += request.byteLength
      metrics.bytesRead += answer?.byteLength ?? 0
      return result
    } catch (error) {
      metrics.failedRequests += 1
      const { peer, protocol } = about()
      throw error instanceof PointSubError ? error.with({ peer, protocol, sent: false }) : error
    } finally {
      metrics.activeRequests -= 1
      if (call !== undefined) {
        this.#calls.delete(call)
        call[Symbol.dispose]()
      }
    }
  }

  #check(protocol: string, request: Uint8Array, { metadata, onMetadata }: SendOptions): RouteRequest {
    if (this.#closed !== undefined) throw this.#closed
    checkProtocol(protocol)
    if (!(request instanceof Uint8Array)) {
      throw new PointSubError('ERR_INVALID_ARGUMENT', 'a request is a Uint8Array; use new TextEncoder() for a text')
    }
    if (onMetadata !== undefined && typeof onMetadata !== 'function') {
      throw new PointSubError('ERR_INVALID_ARGUMENT', `onMetadata is a function, not ${textOf(onMetadata)}`)
    }
    const payload = new Payload(request, this.#options.maxBlockSize)
    return { payload, metadata: encodePairs('metadata', metadata), onMetadata }
  }
}

/** The peer a call was to, as errors name it. */
function nameOfPeer(peer: PeerLike): string {
  try {
    const { id, name } = parsePeer(peer)
    return id?.toString() ?? name
  } catch {
    return textOf(peer)
  }
}

/** @throws PointSubError `ERR_INVALID_CONFIG` */
function addNodes(client: Client, nodes: NonNullable<ClientOptions['serverProtocols']>): void {
  try {
    if (typeof nodes !== 'object' || Array.isArray(nodes)) throw new TypeError(`not ${textOf(nodes)}`)
    for (const [protocol, peers] of Object.entries(nodes)) {
      checkProtocol(protocol)
      for (const peer of peers) client.addServerNode(protocol, peer)
    }
  } catch (cause) {
    const message = `Client: serverProtocols must be lists of peers by protocol (${messageOf(cause)})`
    throw new PointSubError('ERR_INVALID_CONFIG', message, { cause })
  }
}
