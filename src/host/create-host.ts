import { ping } from '@libp2p/ping'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { messageOf, PointSubError } from '../core/errors.ts'
import { type Given, type Resolved, resolveOptions } from '../core/option-table.ts'
import { OPTIONS } from '../core/options.ts'
import { DIALECTS, type Dialect, Dialects } from './dialects.ts'
import { loadIdentity } from './identity.ts'
import { noise } from './noise/noise.ts'
import { ProcessHold } from './process-hold.ts'
import { withSecondTry } from './second-try.ts'
import { splitIdentify } from './split-identify.ts'
import { createTls } from './tls/tls.ts'
import { unrefIdentifyPush } from './unref-identify-push.ts'
import { unrefTcp } from './unref-tcp.ts'
import { unrefTimers } from './unref-timers.ts'
import { unrefYamux } from './unref-yamux.ts'

/** A handshake that encrypts a connection and proves both peers' ids. */
export type Security = 'tls' | 'noise'

export interface HostOptions extends Given<typeof OPTIONS.host> {
  /** Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/4001`. None by default: such a host can only dial. */
  listen?: string[] | undefined
  /** Multiaddrs to tell other peers instead of the ones listened on, for hosts behind a NAT or proxy. */
  announce?: string[] | undefined
  /** A file that keeps the private key, made on first use (0600). Without it every start makes a new peer id. */
  identity?: string | undefined
  /** A private key itself, instead of a file. */
  privateKey?: Libp2pOptions['privateKey']
  /** The handshakes offered, best first. Default `['tls', 'noise']`; every libp2p speaks at least one of them. */
  security?: Security[] | undefined
  /**
   * The dialect of handshakes that most peers speak, `'libp2p'` (default) or `'dep2p'` (Go PointSub v1.0.4 to v1.2.3).
   * Peers of the other one are reached all the same: over TLS both ways, over noise when they are dialled. It says what TLS
   * dials unknown peers with, before a second try with the other, and what noise accepts.
   */
  dialect?: Dialect | undefined
  /** libp2p transports besides TCP. */
  transports?: Libp2pOptions['transports']
  /** Anything else of `createLibp2p()`; what is set here wins over what this function would set. */
  libp2p?: Omit<Libp2pOptions, 'privateKey' | 'transports'> | undefined
}

/**
 * A started libp2p node; `await using` stops it.
 *
 * It keeps the process up, as a `net.Server` does. After `unref()` the process may end, open connections or not, unless
 * somebody holds it: a `Server` that serves, an open socket of `createNet()`; `start()` and `stop()` always settle first.
 */
export interface PointSubHost extends Libp2p, AsyncDisposable {
  /** Lets the host keep the process up by itself, as it does at first. */
  ref(): void
  /** Lets the process end although the host is up. */
  unref(): void
  /** Keeps the process up, also after `unref()`, until the returned function is called. */
  hold(): () => void
}

const SECURITIES: readonly Security[] = ['tls', 'noise']
/** What libp2p reads ahead of a protocol's handler while it still negotiates, besides one whole window. */
const READ_AHEAD = 64 * 1024

/**
 * Starts a js-libp2p node tuned for services: TCP with TLS or noise, yamux with room for thousands of streams and
 * bounded windows, libp2p's inbound limits raised, identify that can tell any number of protocols.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG`, `ERR_LISTEN_FAILED`
 */
export async function createHost(options: HostOptions = {}): Promise<PointSubHost> {
  const hold = new ProcessHold()
  return hold.during(() => create(options, hold))
}

async function create(options: HostOptions, hold: ProcessHold): Promise<PointSubHost> {
  const { listen, announce, identity, privateKey, security = SECURITIES, dialect = 'libp2p', ...others } = options
  const { transports = [], libp2p, ...given } = others
  const limits = resolveOptions(OPTIONS.host, given, 'createHost')
  checkHandshakes(security, dialect)
  const dialects = new Dialects(dialect)
  if (identity !== undefined && privateKey !== undefined) {
    throw new PointSubError('ERR_INVALID_CONFIG', 'createHost: give either identity or privateKey, not both')
  }
  const key = identity === undefined ? privateKey : await loadIdentity(identity)
  const services: NonNullable<Libp2pOptions['services']> = {
    identify: splitIdentify(),
    identifyPush: unrefIdentifyPush(),
    ping: ping(),
    ...libp2p?.services
  }
  const libp2pOptions: Libp2pOptions = {
    transports: [unrefTcp(), ...transports].map(transport => withSecondTry(transport, dialects)),
    connectionEncrypters: security.map(name => encrypter(name, dialect, dialects)),
    streamMuxers: [muxer(limits)],
    ...libp2p,
    ...(key === undefined ? {} : { privateKey: key }),
    addresses: { listen: listen ?? [], announce: announce ?? [], ...libp2p?.addresses },
    connectionManager: { ...connectionLimits(limits), ...libp2p?.connectionManager },
    services
  }
  return start(libp2pOptions, hold)
}

async function start(options: Libp2pOptions, hold: ProcessHold): Promise<PointSubHost> {
  try {
    const host = held(await createLibp2p({ ...options, start: false }), hold)
    if (options.start !== false) await host.start()
    return host
  } catch (cause) {
    const listen = options.addresses?.listen ?? []
    if (listen.length === 0 || options.start === false) throw cause
    throw new PointSubError('ERR_LISTEN_FAILED', `cannot listen on ${listen.join(', ')}: ${messageOf(cause)}`, {
      cause
    })
  }
}

/** `node`, which then keeps the process up only through `hold`. */
function held(node: Libp2p, hold: ProcessHold): PointSubHost {
  unrefTimers(node)
  const [startNode, stopNode] = [node.start.bind(node), node.stop.bind(node)]
  hold.follow(() => node.status === 'started')
  return Object.assign(node, {
    start: () => hold.during(startNode),
    stop: () => hold.during(stopNode),
    ref: () => void (hold.referenced = true),
    unref: () => void (hold.referenced = false),
    hold: () => hold.take(),
    [Symbol.asyncDispose]: async () => node.stop()
  })
}

function checkHandshakes(security: readonly Security[], dialect: Dialect): void {
  if (security.length === 0 || !security.every(name => SECURITIES.includes(name))) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `createHost: security must list 'tls', 'noise' or both, not ${JSON.stringify(security)}`
    )
  }
  if (!DIALECTS.includes(dialect)) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `createHost: dialect must be 'libp2p' or 'dep2p', not ${JSON.stringify(dialect)}`
    )
  }
}

function encrypter(
  name: Security,
  dialect: Dialect,
  dialects: Dialects
): NonNullable<Libp2pOptions['connectionEncrypters']>[number] {
  if (name === 'tls') return components => createTls(components, dialects)
  return noise({ dialect, onDialect: (peer, spoken) => dialects.learn(peer, spoken) })
}

function muxer(limits: Resolved<typeof OPTIONS.host>): ReturnType<typeof unrefYamux> {
  return unrefYamux({
    maxInboundStreams: limits.maxStreamsPerConnection,
    maxOutboundStreams: limits.maxStreamsPerConnection,
    maxEarlyStreams: limits.maxEarlyStreams,
    streamOptions: { maxStreamWindowSize: limits.streamWindow, maxReadBufferLength: limits.streamWindow + READ_AHEAD }
  })
}

function connectionLimits(limits: Resolved<typeof OPTIONS.host>): NonNullable<Libp2pOptions['connectionManager']> {
  const { maxConnections, maxIncomingPendingConnections, inboundConnectionThreshold } = limits
  const { maxDialQueueLength, maxParallelDials, addressDialTimeout } = limits
  return {
    maxConnections,
    maxIncomingPendingConnections,
    inboundConnectionThreshold,
    maxDialQueueLength,
    maxParallelDials,
    addressDialTimeout
  }
}
