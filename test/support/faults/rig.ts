import { getEventListeners } from 'node:events'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { HostOptions, Security } from '../../../src/host/index.ts'
import { addressOf, ourHost, type TestHost } from '../hosts.ts'
import { until, within } from '../until.ts'
import { tlsOverStream } from './over-stream.ts'
import { PROBE } from './probe.ts'
import { hostSockets } from './sockets.ts'

const HOST_EVENTS = ['connection:open', 'connection:close', 'peer:connect', 'peer:disconnect', 'peer:identify', 'stop']

/** How a host shakes hands: with TLS on the TCP socket, with TLS over a stream, or with noise. */
export type Way = Security | 'tls over a stream'

export interface RigOptions {
  way: Way
  /** Milliseconds that a handshake may take, on either side. */
  timeout: number
}

/** What its peers have to speak. */
export function handshakeOf(way: Way): Security {
  return way === 'noise' ? 'noise' : 'tls'
}

/** A host under attack, and what it must not let happen. */
export class FaultRig implements AsyncDisposable {
  readonly host: TestHost
  readonly timeout: number
  readonly #options: HostOptions
  readonly #listeners: number
  readonly #unhandled: unknown[] = []
  /** Peers whose stream the handler of PROBE was given. */
  readonly probed: string[] = []
  /** Peers the host had a connection to, for however short a time. */
  readonly opened: string[] = []
  /** Their TCP ports. */
  readonly ports: Set<string> = new Set()

  private constructor(host: TestHost, options: HostOptions, timeout: number) {
    this.host = host
    this.timeout = timeout
    this.#options = options
    host.addEventListener('connection:open', ({ detail: { remotePeer, remoteAddr } }) => {
      this.opened.push(remotePeer.toString())
      this.ports.add(/\/tcp\/(\d+)/.exec(remoteAddr.toString())?.[1] ?? '')
    })
    this.#listeners = this.#countListeners()
    process.on('unhandledRejection', this.#noteUnhandled)
    process.on('uncaughtException', this.#noteUnhandled)
  }

  static async start({ way, timeout }: RigOptions): Promise<FaultRig> {
    const options: HostOptions = {
      security: [handshakeOf(way)],
      addressDialTimeout: timeout,
      maxIncomingPendingConnections: 10_000,
      maxParallelDials: 1_000,
      maxDialQueueLength: 10_000,
      inboundConnectionThreshold: 1_000_000,
      libp2p: {
        connectionManager: { inboundUpgradeTimeout: timeout },
        ...(way === 'tls over a stream' ? { connectionEncrypters: [tlsOverStream()] } : {})
      }
    }
    const rig = new FaultRig(await ourHost(options), options, timeout)
    await rig.host.handle(PROBE, (_, connection) => void rig.probed.push(connection.remotePeer.toString()))
    return rig
  }

  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(addressOf(this.host).toString())?.[1])
  }

  dial(address: string): Promise<Connection> {
    return this.host.dial(multiaddr(address))
  }

  /** Dials, expecting to fail; resolves to the failure, and how long it took in ms. */
  async failsToDial(address: string): Promise<{ error: Error; took: number }> {
    const start = performance.now()
    try {
      await within(this.timeout + 2_000, 'the dial ends', this.dial(address))
    } catch (error) {
      if (error instanceof Error) return { error, took: performance.now() - start }
      throw error
    }
    throw new Error('the dial should have failed')
  }

  /** Nothing of the attack is left, and nobody got in. */
  async isAsBefore(patience: number = this.timeout + 1_000): Promise<void> {
    await until(
      'nothing is left of the attack',
      () => this.#left(),
      left => Object.values(left).every(count => (typeof count === 'number' ? count === 0 : count.length === 0)),
      { within: patience }
    )
  }

  /** Whoever got in is sent away and forgotten, so that the next case starts afresh. */
  async forget(): Promise<void> {
    for (const connection of this.host.getConnections()) connection.abort(new Error('the test is over'))
    for (const notes of [this.opened, this.probed, this.#unhandled]) notes.length = 0
    await this.isAsBefore()
  }

  #left(): Record<string, readonly unknown[] | number> {
    return {
      sockets: hostSockets(),
      connections: this.host.getConnections().map(String),
      dials: this.host.getDialQueue().length,
      listeners: this.#countListeners() - this.#listeners,
      opened: this.opened,
      probed: this.probed,
      unhandled: this.#unhandled
    }
  }

  /** Another host of ours can dial this one and be served by it, and the other way round. */
  async serves(): Promise<void> {
    const other = await ourHost(this.#options)
    try {
      const inbound = await other.dial(addressOf(this.host))
      const stream = await inbound.newStream(PROBE)
      await until(
        'the host serves a good peer',
        () => this.probed,
        probed => probed.includes(other.peerId.toString())
      )
      stream.abort(new Error('the test is over'))
      inbound.abort(new Error('the test is over'))
      await until(
        'the host knows that the peer has gone',
        () => this.host.getConnections().length,
        count => count === 0
      )
      await this.host.dial(addressOf(other))
    } finally {
      await other.stop()
    }
    await this.forget()
  }

  #countListeners(): number {
    return HOST_EVENTS.reduce((sum, type) => sum + getEventListeners(this.host, type).length, 0)
  }

  readonly #noteUnhandled = (error: unknown): void => void this.#unhandled.push(error)

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('unhandledRejection', this.#noteUnhandled)
    process.off('uncaughtException', this.#noteUnhandled)
    await this.host.stop()
  }
}
