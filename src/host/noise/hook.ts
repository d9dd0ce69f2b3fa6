import type { SecureConnectionOptions } from '@libp2p/interface'
import type { LengthPrefixedStream } from '@libp2p/utils'
import type { Bytes } from './cipher.ts'
import type { Payload } from './payload.ts'

/** What @libp2p/noise takes from a handshake. */
interface HandshakeResult {
  payload: Payload
  encrypt(plaintext: Bytes): Bytes
  decrypt(ciphertext: Bytes, into?: Uint8Array): Bytes
}

export type ShakeHands = (wire: LengthPrefixedStream, options?: SecureConnectionOptions) => Promise<HandshakeResult>

/** Of `wire`, a private key, a logger, the peer's public key, and the options. */
const PARAMETERS = 5

/**
 * Replaces how an encrypter of @libp2p/noise shakes hands. Its methods for that are private, so another version of it
 * may not have them.
 *
 * @throws Error when it has not
 */
export function replaceHandshakes(encrypter: object, { dial, accept }: Record<'dial' | 'accept', ShakeHands>): void {
  const replacements = { performHandshakeInitiator: dial, performHandshakeResponder: accept }
  for (const name of Object.keys(replacements)) {
    const original: unknown = Reflect.get(encrypter, name)
    if (typeof original === 'function' && original.length === PARAMETERS) continue
    throw new Error(`this version of @libp2p/noise has no ${name}() as src/host/noise knows it`)
  }
  for (const [name, shakeHands] of Object.entries(replacements)) {
    Object.defineProperty(encrypter, name, { value: withOptions(shakeHands) })
  }
}

/** The private key and the peer's public key are known here as well, the latter better: as the peer's id. */
function withOptions(shakeHands: ShakeHands) {
  return async (
    wire: LengthPrefixedStream,
    _privateKey: unknown,
    _log: unknown,
    _remoteKey: unknown,
    options?: SecureConnectionOptions
  ): Promise<HandshakeResult> => shakeHands(wire, options)
}
