import { generateKeyPairSync, sign } from 'node:crypto'

const DAY = 24 * 60 * 60 * 1000

/** A key and a self-signed certificate for it, made afresh: a private key has no place in a repository. */
export function createCertificate(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = sequence(
    element(0x02, Buffer.from([1])), // serial number
    ECDSA_WITH_SHA256,
    NAME,
    sequence(utcTime(Date.now() - DAY), utcTime(Date.now() + DAY)),
    NAME,
    publicKey.export({ type: 'spki', format: 'der' })
  )
  const signature = sign('sha256', body, privateKey)
  const der = sequence(body, ECDSA_WITH_SHA256, element(0x03, Buffer.from([0]), signature))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
  }
}

/** One DER element: its tag, its length, its content. */
function element(tag: number, ...content: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content)
  const { length } = bytes
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), bytes])
}

function sequence(...content: Uint8Array[]): Buffer {
  return element(0x30, ...content)
}

/** A moment as YYMMDDhhmmssZ. */
function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, '').slice(2, 14)
  return element(0x17, Buffer.from(`${digits}Z`))
}

const ECDSA_WITH_SHA256 = sequence(element(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
/** CN=127.0.0.1 */
const NAME = sequence(
  element(0x31, sequence(element(0x06, Buffer.from('550403', 'hex')), element(0x0c, Buffer.from('127.0.0.1'))))
)
