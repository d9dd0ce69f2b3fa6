import { KeyObject, randomBytes } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { Extension, X509CertificateGenerator } from './x509.ts'
import { OctetString, Sequence } from 'asn1js'
import type { Dialect } from '../dialects.ts'
import { KEY_EXTENSION, signedBytes } from './key-extension.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOUR = 60 * 60 * 1000
/** As go-libp2p has it: a clock that is behind does not matter, and a certificate outlives every process. */
const YEARS = 100

/** What node:tls needs to show a certificate that proves the peer id of `privateKey`. */
export async function createContext(privateKey: PrivateKey, dialect: Dialect): Promise<SecureContext> {
  const { certificate, key } = await createCertificate(privateKey, dialect)
  return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })
}

/** A self-signed certificate with libp2p's extension, and its key, made for this alone; both as PEM. */
export async function createCertificate(
  privateKey: PrivateKey,
  dialect: Dialect
): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
  const signature = await privateKey.sign(signedBytes(dialect, publicKey))
  const now = Date.now()
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS)
  // Fractions of a second are not allowed in a certificate.
  notAfter.setUTCMilliseconds(0)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      // A serial number, as go-libp2p has it: no name, but not nothing either.
      name: `2.5.4.5=${randomBytes(8).readBigUInt64BE()}`,
      notBefore: new Date(now - HOUR),
      notAfter,
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new Extension(KEY_EXTENSION, false, signedKey(privateKey, signature))]
    },
    crypto
  )
  return {
    certificate: certificate.toString('pem'),
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
  }
}

function signedKey(privateKey: PrivateKey, signature: Uint8Array): ArrayBuffer {
  return new Sequence({
    value: [
      new OctetString({ valueHex: publicKeyToProtobuf(privateKey.publicKey) }),
      new OctetString({ valueHex: signature })
    ]
  }).toBER()
}

/** Hexadecimal; its first byte makes it positive, and as long as it looks. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
