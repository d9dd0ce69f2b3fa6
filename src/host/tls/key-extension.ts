import { concat } from '../../core/bytes.ts'
import type { Dialect } from '../dialects.ts'

/** The certificate extension that holds a peer's public key, and its signature of the certificate's own key. */
export const KEY_EXTENSION = '1.3.6.1.4.1.53594.1.1'

const encoder = new TextEncoder()

/** What a peer signs: a prefix by dialect, and the certificate's public key (SubjectPublicKeyInfo). */
export function signedBytes(dialect: Dialect, publicKey: Uint8Array): Uint8Array {
  const prefix = encoder.encode(`${dialect}-tls-handshake:`)
  return concat([prefix, publicKey], prefix.byteLength + publicKey.byteLength)
}
