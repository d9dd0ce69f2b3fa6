import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { messageOf, PointSubError } from '../core/errors.ts'
import { type Given, OPTIONS, type Resolved, resolveOptions } from '../core/options.ts'
import { loadIdentity } from './identity.ts'
import { splitIdentify, splitIdentifyPush } from './split-identify.ts'

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
  /** libp2p transports besides TCP. */
  transports?: Libp2pOptions['transports']
  /** Anything else of `createLibp2p()`; what is set here wins over what this function would set. */
  libp2p?: Omit<Libp2pOptions, 'privateKey' | 'transports'> | undefined
}

/** A started libp2p node; `await using` stops it. */
export type PointSubHost = Libp2p & AsyncDisposable

const ENCRYPTERS = { tls, noise } as const
/** What libp2p reads ahead of a protocol's handler while it still negotiates, besides one whole window. */
const READ_AHEAD = 64 * 1024

/**
 * Starts a js-libp2p node tuned for services: TCP with TLS or noise, yamux with room for thousands of streams and
 * bounded windows, libp2p's inbound limits raised, identify that can tell any number of protocols.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG`, `ERR_LISTEN_FAILED`
 */
export async function createHost(options: HostOptions = {}): Promise<PointSubHost> {
  const { listen, announce, identity, privateKey, security = ['tls', 'noise'], transports, libp2p, ...given } = options
  const limits = resolveOptions(OPTIONS.host, given, 'createHost')
  if (identity !== undefined && privateKey !== undefined) {
    throw new PointSubError('ERR_INVALID_CONFIG', 'createHost: give either identity or privateKey, not both')
  }
  const key = identity === undefined ? privateKey : await loadIdentity(identity)
  const services: NonNullable<Libp2pOptions['services']> = {
    identify: splitIdentify(),
    identifyPush: splitIdentifyPush(),
    ping: ping(),
    ...libp2p?.services
  }
  const node = await start({
    transports: [tcp(), ...(transports ?? [])],
    connectionEncrypters: encrypters(security),
    streamMuxers: [muxer(limits)],
    ...libp2p,
    ...(key === undefined ? {} : { privateKey: key }),
    addresses: { listen: listen ?? [], announce: announce ?? [], ...libp2p?.addresses },
    connectionManager: { ...connectionLimits(limits), ...libp2p?.connectionManager },
    services
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

async function start(options: Libp2pOptions): Promise<Libp2p> {
  try {
    return await createLibp2p(options)
  } catch (cause) {
    const listen = options.addresses?.listen ?? []
    if (listen.length === 0 || options.start === false) throw cause
    throw new PointSubError('ERR_LISTEN_FAILED', `cannot listen on ${listen.join(', ')}: ${messageOf(cause)}`, {
      cause
    })
  }
}

function encrypters(security: Security[]): NonNullable<Libp2pOptions['connectionEncrypters']> {
  if (security.length === 0 || security.some(name => !Object.hasOwn(ENCRYPTERS, name))) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `createHost: security must list 'tls', 'noise' or both, not ${JSON.stringify(security)}`
    )
  }
  return security.map(name => ENCRYPTERS[name]())
}

function muxer(limits: Resolved<typeof OPTIONS.host>): ReturnType<typeof yamux> {
  return yamux({
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
