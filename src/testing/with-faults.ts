import { AbortError, type Connection, type Libp2p, type PeerId } from '@libp2p/interface'
import type { Host } from '../core/host.ts'
import { parsePeer } from '../core/peers.ts'
import { checkSeed, type FaultOptions } from './fault-options.ts'
import { FaultPlan, type Faults } from './faults.ts'
import { FaultyConnection } from './faulty-connection.ts'
import { Link, type Sides } from './link.ts'
import { replaced } from './replaced.ts'
import { waitForLink } from './waiting.ts'

export interface WithFaultsOptions extends FaultOptions {
  /** A whole number: the same seed injects the same faults into the same bytes. Default 0. */
  seed?: number | undefined
}

/** A host whose streams go through faults, and the handle to these. */
export type FaultyHost<H extends Host> = H & { readonly faults: Faults }

/**
 * The same host with faults in the streams of its users, in both directions. libp2p's own streams (identify, ping) and
 * the handshakes of connections have none, nor have streams that are opened through `host` itself. Any js-libp2p node
 * will do. Bytes between two such hosts meet the faults of both.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG`
 */
export function withFaults<H extends Host>(host: H, options: WithFaultsOptions = {}): FaultyHost<H> {
  const { seed = 0, ...faults } = options
  checkSeed(seed, 'withFaults')
  const plan = new FaultPlan(seed)
  plan.set(faults)
  const numbers = new Map<string, number>()
  const labelOf = (peer: string): string => {
    const number = numbers.get(peer) ?? numbers.size
    numbers.set(peer, number)
    return String(number)
  }
  return faultyHost(host, plan, labelOf, 'both')
}

/** `host` with the faults of `plan`; `labelOf` names the links, for their dice and the log. */
export function faultyHost<H extends Host>(
  host: H,
  plan: FaultPlan,
  labelOf: (peer: string) => string,
  sides: Sides
): FaultyHost<H> {
  const links = new HostLinks(host, plan, labelOf, sides)
  return replaced(host, {
    faults: plan,
    ...members(host, links),
    ...(isNode(host) ? nodeMembers(host, links) : {})
  })
}

type Members = Pick<Host, 'dial' | 'getConnections' | 'handle'>

function members(host: Host, links: HostLinks): Members {
  return {
    dial: async (target, options = {}) => {
      const known = Array.isArray(target) && target.length === 0 ? undefined : parsePeer(target).id
      if (known !== undefined) await links.waitToDial(known, options.signal ?? undefined)
      return links.connection(await host.dial(target, options)).seen
    },
    getConnections: peer => host.getConnections(peer).map(connection => links.connection(connection).seen),
    handle: (protocols, handler, options) => {
      const onStream: typeof handler = async (stream, connection) => {
        const faulty = links.connection(connection)
        const accepted = faulty.accept(stream)
        const opened = accepted instanceof Promise ? await accepted : accepted
        if (opened !== undefined) await handler(opened, faulty.seen)
      }
      return host.handle(protocols, onStream, options)
    }
  }
}

/** What a whole node has besides. */
function nodeMembers(node: Libp2p, links: HostLinks): Partial<Libp2p & AsyncDisposable> {
  const stop = async (): Promise<void> => {
    links.stop()
    await node.stop()
  }
  return {
    stop,
    ...(Symbol.asyncDispose in node ? { [Symbol.asyncDispose]: stop } : {}),
    dialProtocol: async (target, protocols, options = {}) => {
      const connection = await members(node, links).dial(target, options)
      return connection.newStream(protocols, options)
    }
  }
}

function isNode(host: Host | Libp2p): host is Libp2p {
  return 'stop' in host && 'dialProtocol' in host
}

/** The links of one host, by peer, and its connections. */
class HostLinks {
  readonly #host: Host
  readonly #plan: FaultPlan
  readonly #labelOf: (peer: string) => string
  readonly #sides: Sides
  readonly #links = new Map<string, Link>()
  readonly #connections = new WeakMap<Connection, FaultyConnection>()
  #stopped = new AbortController()

  constructor(host: Host, plan: FaultPlan, labelOf: (peer: string) => string, sides: Sides) {
    this.#host = host
    this.#plan = plan
    this.#labelOf = labelOf
    this.#sides = sides
  }

  /** A partition holds a dial, unless there is a connection already. */
  async waitToDial(peer: PeerId, signal: AbortSignal | undefined): Promise<void> {
    const link = this.#link(peer)
    const { status } = this.#host
    // A host that is stopped refuses by itself.
    if (!link.isHeld || status === 'stopping' || status === 'stopped') return
    if (this.#host.getConnections(peer).length > 0) return
    await waitForLink(link, 0, signal, this.#stopped.signal)
  }

  connection(inner: Connection): FaultyConnection {
    const known = this.#connections.get(inner)
    if (known !== undefined) return known
    const faulty = new FaultyConnection(inner, this.#link(inner.remotePeer))
    this.#connections.set(inner, faulty)
    // Whoever hands the outer one back in means the same.
    this.#connections.set(faulty.seen, faulty)
    return faulty
  }

  /** Lets go of those who wait. */
  stop(): void {
    this.#stopped.abort(new AbortError('the host was stopped'))
    this.#stopped = new AbortController()
  }

  #link(peer: PeerId): Link {
    const name = peer.toString()
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const link = new Link(this.#plan, {
      peers: [this.#host.peerId.toString(), name],
      label: this.#labelOf(name),
      sides: this.#sides,
      connections: () => this.#host.getConnections(peer)
    })
    this.#links.set(name, link)
    return link
  }
}
