import { connect, TLSSocket, type SecureContext } from 'node:tls'
import type { ConnectionEncrypter, PrivateKey, SecuredConnection } from '@libp2p/interface'
import type { Dialect } from '../../src/host/dialects.ts'
import { carry, type Carrier } from '../../src/host/tls/carrier.ts'
import { createContext } from '../../src/host/tls/certificate.ts'
import { handshakeDone } from '../../src/host/tls/handshake-done.ts'
import { SecureConnection } from '../../src/host/tls/secure-connection.ts'
import type { TlsComponents } from '../../src/host/tls/tls.ts'
import { verifyCertificate } from '../../src/host/tls/verify.ts'
import type { TestHost } from './hosts.ts'
import { tlsNode } from './tls/nodes.ts'

const OPTIONS = { rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const

/** TLS as go-dep2p has it: the prefix of signatures and the ALPN protocol are its own, and it takes no others. */
class Dep2pTls implements ConnectionEncrypter {
  readonly protocol = '/tls/1.0.0'
  readonly #context: Promise<SecureContext>
  readonly #dialect: Dialect
  readonly #components: TlsComponents

  constructor(components: TlsComponents, dialect: Dialect) {
    this.#context = createContext(components.privateKey, dialect)
    this.#dialect = dialect
    this.#components = components
  }

  get #protocols(): string[] {
    return [...this.#components.upgrader.getStreamMuxers().keys(), this.#dialect]
  }

  async secureInbound(...[connection]: Parameters<ConnectionEncrypter['secureInbound']>): Promise<SecuredConnection> {
    const secureContext = await this.#context
    const settings = { ...OPTIONS, isServer: true, requestCert: true, secureContext, ALPNProtocols: this.#protocols }
    return this.#secure(carry(connection, below => new TLSSocket(below, settings)))
  }

  async secureOutbound(...[connection]: Parameters<ConnectionEncrypter['secureOutbound']>): Promise<SecuredConnection> {
    const secureContext = await this.#context
    const settings = { ...OPTIONS, secureContext, ALPNProtocols: this.#protocols }
    return this.#secure(carry(connection, socket => connect({ ...settings, socket })))
  }

  async #secure(carrier: Carrier): Promise<SecuredConnection> {
    const { connection, socket } = carrier
    await handshakeDone(socket, undefined)
    const { peer, dialect } = await verifyCertificate(socket.getPeerX509Certificate()?.raw)
    if (dialect !== this.#dialect) {
      const error = new Error(`signature of ${dialect}`)
      connection.abort(error)
      throw error
    }
    const streamMuxer = this.#components.upgrader.getStreamMuxers().get(socket.alpnProtocol || '')
    if (streamMuxer === undefined) throw new Error(`${socket.alpnProtocol} was agreed on`)
    return { remotePeer: peer, connection: new SecureConnection(carrier), streamMuxer }
  }
}

/** A node that shakes hands as peers below Go PointSub v1.0.4 to v1.2.3 do, or by libp2p's specification only. */
export function oneDialectNode(dialect: Dialect, privateKey?: PrivateKey): Promise<TestHost> {
  return tlsNode(components => new Dep2pTls(components, dialect), { privateKey })
}
