import { connect, TLSSocket, type SecureVersion } from 'node:tls'
import { join } from '../bytes.ts'
import type { Script } from './attacker.ts'
import type { Forged } from './certificates.ts'
import { agree, agreement, PROTOCOLS } from './multistream.ts'
import { probeFrame } from './probe.ts'

const YAMUX = '/yamux/1.0.0'

/** What an attacker offers in TLS. */
export interface TlsOffer {
  certificate?: Forged | undefined
  alpn?: string[]
  version?: SecureVersion
  servername?: string
}

/** Does TLS as a client, and then opens a stream without waiting for anything. */
export function tlsClient({ certificate, alpn = [YAMUX, 'libp2p'], version, servername }: TlsOffer): Script {
  return async socket => {
    await agree(socket, PROTOCOLS.tls)
    const secure = connect({
      socket,
      rejectUnauthorized: false,
      ALPNProtocols: alpn,
      ...common(certificate, version),
      ...(servername === undefined ? {} : { servername })
    })
    await openProbe(secure, 'secureConnect', 'client')
  }
}

/** The same as a server, towards a host that dials. */
export function tlsServer({ certificate, alpn = [YAMUX, 'libp2p'], version }: TlsOffer): Script {
  return async socket => {
    await agree(socket, PROTOCOLS.tls)
    const secure = new TLSSocket(socket, {
      isServer: true,
      requestCert: true,
      rejectUnauthorized: false,
      // Without any a server ignores what the client offers, as one that knows no ALPN.
      ...(alpn.length === 0 ? {} : { ALPNProtocols: alpn }),
      ...common(certificate, version)
    })
    await openProbe(secure, 'secure', 'server')
  }
}

function common(certificate: Forged | undefined, version: SecureVersion | undefined): Record<string, string> {
  return {
    ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version })
  }
}

async function openProbe(
  secure: TLSSocket,
  event: 'secure' | 'secureConnect',
  role: 'client' | 'server'
): Promise<void> {
  await new Promise<void>(resolve => {
    secure.once(event, resolve).once('close', resolve)
    secure.on('error', () => resolve())
  })
  if (secure.destroyed) return
  secure.resume()
  const probe = probeFrame(role)
  secure.write(secure.alpnProtocol === YAMUX ? probe : join(agreement(YAMUX), probe))
}
