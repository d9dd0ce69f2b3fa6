import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Dialect } from '../../../src/host/dialects.ts'
import { createCertificate } from '../../../src/host/tls/certificate.ts'

/** multistream-select as one who expects no refusal writes it, all at once. */
const CHOICE = Buffer.concat(
  ['/multistream/1.0.0\n', '/tls/1.0.0\n'].map(line => Buffer.from([line.length, ...Buffer.from(line)]))
)

/** Dials and sends its ClientHello in one segment with the choice of TLS, not waiting for an answer. */
export async function eagerDial(address: Multiaddr, dialect: Dialect): Promise<{ peer: string; end: () => void }> {
  const privateKey = await generateKeyPair('Ed25519')
  const { certificate: cert, key } = await createCertificate(privateKey, dialect)
  const socket = connect({ port: Number(/\/tcp\/(\d+)/.exec(address.toString())?.[1]), noDelay: true })
  const secured = connectTls({
    socket: behindChoice(socket),
    cert,
    key,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['/yamux/1.0.0', dialect]
  })
  for (const each of [socket, secured]) each.on('error', () => {})
  return { peer: peerIdFromPrivateKey(privateKey).toString(), end: () => socket.destroy() }
}

/** What TLS runs on: the choice goes before its first bytes, and is taken off the answer. */
function behindChoice(socket: Socket): Duplex {
  let before = CHOICE
  let answer = CHOICE.byteLength
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      socket.write(Buffer.concat([before, chunk]), done)
      before = Buffer.alloc(0)
    }
  })
  socket.on('data', bytes => {
    const rest = bytes.subarray(answer)
    answer -= Math.min(answer, bytes.byteLength)
    if (rest.byteLength > 0) duplex.push(rest)
  })
  return duplex
}
