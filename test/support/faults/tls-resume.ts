import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { Forged } from './certificates.ts'
import { agree, PROTOCOLS } from './multistream.ts'
import { probeFrame } from './probe.ts'

/** Does TLS with a good certificate, and resolves to what would let a client go on with that session. */
export async function sessionOf(socket: Socket, { cert, key }: Forged): Promise<Buffer> {
  await agree(socket, PROTOCOLS.tls)
  const secure = tlsOn(socket, { cert, key })
  secure.resume()
  const [session] = (await once(secure, 'session')) as [Buffer]
  return session
}

/** Goes on with a session, without showing any certificate; whether the other side let it. */
export async function resume(socket: Socket, session: Buffer): Promise<boolean> {
  await agree(socket, PROTOCOLS.tls)
  const secure = tlsOn(socket, { session })
  await new Promise<void>(resolve => {
    secure.once('secureConnect', resolve).once('close', resolve)
    secure.on('error', () => resolve())
  })
  if (secure.destroyed) return false
  secure.resume()
  secure.write(probeFrame('client'))
  return secure.isSessionReused()
}

function tlsOn(socket: Socket, options: { cert?: string; key?: string; session?: Buffer }): TLSSocket {
  const secure = connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['/yamux/1.0.0', 'libp2p'], ...options })
  return secure.on('error', () => {})
}
