import { X509Certificate as NodeCertificate } from 'node:crypto'
import { InvalidCryptoExchangeError, type PeerId } from '@libp2p/interface'
import { X509Certificate } from './x509.ts'
import { fromBER, OctetString, Sequence } from 'asn1js'
import { messageOf } from '../../core/errors.ts'
import { DIALECTS, type Dialect } from '../dialects.ts'
import { type IdentityKey, readIdentityKey } from './identity-key.ts'
import { KEY_EXTENSION, signedBytes } from './key-extension.ts'

/** Extensions whose meaning does not touch a certificate that proves nothing but its own key. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  KEY_EXTENSION,
  '2.5.29.15', // key usage
  '2.5.29.17', // subject alternative name
  '2.5.29.19', // basic constraints
  '2.5.29.37' // extended key usage
])

/** Who showed a certificate, and in which dialect its key was signed. */
export interface Verified {
  readonly peer: PeerId
  readonly dialect: Dialect
}

/**
 * Checks all that the libp2p TLS specification says of a peer's certificate.
 *
 * @param certificate DER; undefined when the peer has shown none
 * @throws InvalidCryptoExchangeError
 */
export async function verifyCertificate(certificate: Uint8Array | undefined): Promise<Verified> {
  if (certificate === undefined || certificate.byteLength === 0) throw refused('the peer showed no certificate')
  checkItself(certificate)
  const { publicKey, extension } = readFields(certificate)
  const { key, signature } = readSignedKey(extension)
  for (const dialect of DIALECTS) {
    if (await isSigned(key, signedBytes(dialect, publicKey), signature)) {
      return { peer: key.peer, dialect }
    }
  }
  throw refused("the peer's key did not sign its certificate")
}

function checkItself(der: Uint8Array): void {
  const certificate = attempt('cannot be read', () => new NodeCertificate(der))
  // What follows the certificate would be none of what was checked.
  if (!certificate.raw.equals(der)) throw refused('the certificate is followed by other bytes')
  const now = new Date()
  if (!(certificate.validFromDate <= now)) throw refused('the certificate is not valid yet')
  if (!(now <= certificate.validToDate)) throw refused('the certificate has expired')
  const isSelfSigned = attempt(
    'cannot be checked',
    () => certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
  )
  if (!isSelfSigned) throw refused('the certificate is not signed by itself')
}

function readFields(der: Uint8Array): { publicKey: Uint8Array; extension: Uint8Array } {
  const certificate = attempt('cannot be read', () => new X509Certificate(Uint8Array.from(der)))
  const unknown = certificate.extensions.find(({ type, critical }) => critical && !KNOWN_EXTENSIONS.has(type))
  if (unknown !== undefined) throw refused(`the certificate's extension ${unknown.type} is critical and not known`)
  const [extension, ...more] = certificate.extensions.filter(({ type }) => type === KEY_EXTENSION)
  if (extension === undefined) throw refused('the certificate has no libp2p extension')
  if (more.length > 0) throw refused('the certificate has more than one libp2p extension')
  return { publicKey: new Uint8Array(certificate.publicKey.rawData), extension: new Uint8Array(extension.value) }
}

/** SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING }, and nothing else. */
function readSignedKey(extension: Uint8Array): { key: IdentityKey; signature: Uint8Array } {
  const { result, offset } = fromBER(extension)
  const parts: unknown[] = result instanceof Sequence ? result.valueBlock.value : []
  const [key, signature] = parts
  const isWhole = offset === extension.byteLength && parts.length === 2
  if (!isWhole || !(key instanceof OctetString) || !(signature instanceof OctetString)) {
    throw refused("the certificate's libp2p extension is malformed")
  }
  return {
    key: attempt('has a key that cannot be read', () => readIdentityKey(key.valueBlock.valueHexView)),
    signature: signature.valueBlock.valueHexView
  }
}

async function isSigned(key: IdentityKey, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await key.verify(bytes, signature)
  } catch {
    // A signature of another form than the key's is none.
    return false
  }
}

function attempt<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw refused(`the certificate ${what}: ${messageOf(error)}`)
  }
}

function refused(why: string): InvalidCryptoExchangeError {
  return new InvalidCryptoExchangeError(`TLS: ${why}`)
}
