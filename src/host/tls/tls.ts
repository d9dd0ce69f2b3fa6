import { connect, type SecureContext, TLSSocket } from 'node:tls'
import {
  type ComponentLogger,
  type ConnectionEncrypter,
  InvalidCryptoExchangeError,
  type MessageStream,
  type PrivateKey,
  type SecureConnectionOptions,
  type SecuredConnection,
  serviceCapabilities,
  type StreamMuxerFactory,
  UnexpectedPeerError,
  type Upgrader
} from '@libp2p/interface'
import { type Dialect, type Dialects, otherThan } from '../dialects.ts'
import { carry, type Carrier } from './carrier.ts'
import { createContext } from './certificate.ts'
import { handshakeDone } from './handshake-done.ts'
import { SecureConnection } from './secure-connection.ts'
import { type Verified, verifyCertificate } from './verify.ts'

/** What libp2p gives every encrypter. */
export interface TlsComponents {
  readonly privateKey: PrivateKey
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
}

type Muxers = ReadonlyMap<string, StreamMuxerFactory>

const COMMON = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // Every certificate is self-signed; verify.ts says which are good.
  rejectUnauthorized: false
} as const

/**
 * libp2p's `/tls/1.0.0`, by node:tls: on the TCP socket itself where there is one, else over the stream. Accepting, what
 * the peer offers (ALPN) tells its dialect; dialling, `dialects` does.
 */
class Tls implements ConnectionEncrypter {
  readonly protocol = '/tls/1.0.0'
  readonly [Symbol.toStringTag] = 'pointsub-tls'
  readonly [serviceCapabilities]: string[] = ['@libp2p/connection-encryption']
  readonly #components: TlsComponents
  readonly #dialects: Dialects
  readonly #contexts = new Map<Dialect, Promise<SecureContext>>()

  constructor(components: TlsComponents, dialects: Dialects) {
    this.#components = components
    this.#dialects = dialects
  }

  async secureInbound(connection: MessageStream, options: SecureConnectionOptions = {}): Promise<SecuredConnection> {
    const [libp2p, dep2p] = await Promise.all([this.#context('libp2p'), this.#context('dep2p')])
    const muxers = this.#muxers(options)
    let offered: Dialect = 'libp2p'
    const carrier = carry(connection, below => {
      const socket = new TLSSocket(below, {
        ...COMMON,
        isServer: true,
        requestCert: true,
        secureContext: libp2p,
        ALPNCallback: ({ protocols }) => {
          offered = dialectOf(protocols)
          if (offered === 'dep2p') socket.setKeyCert(dep2p)
          return protocols.find(protocol => muxers.has(protocol) || protocol === offered)
        }
      })
      return socket
    })
    return this.#secure(carrier, options, muxers, ({ dialect }) => {
      if (dialect !== offered) throw mismatch(`offered the handshake of ${offered}`, dialect)
    })
  }

  async secureOutbound(connection: MessageStream, options: SecureConnectionOptions = {}): Promise<SecuredConnection> {
    const dialled = this.#dialects.toDial(connection, options.remotePeer)
    const secureContext = await this.#context(dialled)
    const muxers = this.#muxers(options)
    const carrier = carry(connection, socket =>
      connect({ ...COMMON, socket, secureContext, ALPNProtocols: [...muxers.keys(), dialled] })
    )
    const secured = this.#secure(carrier, options, muxers, ({ dialect }) => {
      if (dialect === dialled) return
      this.#dialects.mistook(connection, dialect)
      throw mismatch(`was dialled with the handshake of ${dialled}`, dialect)
    })
    return secured.catch((error: unknown) => {
      // A peer that names no muxers in ALPN, as rust-libp2p, has nothing in common with the other dialect.
      if (isNoProtocol(error)) this.#dialects.mistook(connection, otherThan(dialled))
      throw error
    })
  }

  /** Waits for the handshake and checks who the peer is; whatever goes wrong ends the connection. */
  async #secure(
    carrier: Carrier,
    { signal, remotePeer }: SecureConnectionOptions,
    muxers: Muxers,
    check: (verified: Verified) => void
  ): Promise<SecuredConnection> {
    const { connection, socket } = carrier
    try {
      await handshakeDone(socket, signal)
      const certificate = socket.getPeerX509Certificate()
      // Whatever its name is, this is the next one that was sent, be it the issuer or not.
      if (certificate?.issuerCertificate !== undefined) {
        throw new InvalidCryptoExchangeError('TLS: the peer showed more than one certificate')
      }
      const verified = await verifyCertificate(certificate?.raw)
      const { peer, dialect } = verified
      if (remotePeer?.equals(peer) === false) {
        throw new UnexpectedPeerError(`TLS: expected the peer ${remotePeer.toString()}, found ${peer.toString()}`)
      }
      this.#dialects.learn(peer, dialect)
      check(verified)
      signal?.throwIfAborted()
      if (socket.destroyed) throw new Error('TLS: the connection ended during the handshake')
      const streamMuxer = muxers.get(socket.alpnProtocol || '')
      return {
        remotePeer: peer,
        connection: new SecureConnection(carrier),
        ...(streamMuxer === undefined ? {} : { streamMuxer })
      }
    } catch (error) {
      socket.destroy()
      connection.abort(error instanceof Error ? error : new Error('TLS: the handshake failed', { cause: error }))
      throw error
    }
  }

  #muxers({ skipStreamMuxerNegotiation }: SecureConnectionOptions): Muxers {
    return skipStreamMuxerNegotiation === true ? new Map() : this.#components.upgrader.getStreamMuxers()
  }

  #context(dialect: Dialect): Promise<SecureContext> {
    let context = this.#contexts.get(dialect)
    if (context === undefined) {
      context = createContext(this.#components.privateKey, dialect)
      this.#contexts.set(dialect, context)
    }
    return context
  }
}

/** libp2p's TLS, which shares what it learns of peers through `dialects`. */
export function createTls(components: TlsComponents, dialects: Dialects): ConnectionEncrypter {
  return new Tls(components, dialects)
}

/** Which of the dialects a list of ALPN protocols names; it need not name one. */
function dialectOf(protocols: readonly string[]): Dialect {
  return protocols.includes('dep2p') && !protocols.includes('libp2p') ? 'dep2p' : 'libp2p'
}

/** Whether the peer has refused all that it was offered in ALPN. */
function isNoProtocol(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'
}

function mismatch(what: string, dialect: Dialect): InvalidCryptoExchangeError {
  return new InvalidCryptoExchangeError(`TLS: the peer ${what}, but its certificate is that of ${dialect}`)
}
