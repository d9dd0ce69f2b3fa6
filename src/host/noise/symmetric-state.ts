import type { ICryptoInterface, KeyPair } from '@libp2p/noise'
import { concat } from '../../core/bytes.ts'
import { Cipher, EMPTY } from './cipher.ts'

/** Of exactly 32 bytes: so it is, as Noise has it, the first hash itself. */
const PROTOCOL_NAME = new TextEncoder().encode('Noise_XX_25519_ChaChaPoly_SHA256')

/** Bytes of a public key of X25519. */
export const KEY_LENGTH = 32
/** Bytes by which what is encrypted is longer. */
export const TAG_LENGTH = 16

/** What the Noise specification calls SymmetricState: the keys so far, and the hash of all that was said. */
export class SymmetricState {
  readonly #crypto: ICryptoInterface
  #chainingKey: Uint8Array = PROTOCOL_NAME
  #hash: Uint8Array = PROTOCOL_NAME
  #cipher: Cipher | undefined

  constructor(crypto: ICryptoInterface, prologue: Uint8Array) {
    this.#crypto = crypto
    this.mixHash(prologue)
  }

  /** The hash of everything that both sides have said and agreed on. */
  get hash(): Uint8Array {
    return this.#hash
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#crypto.hashSHA256(join(this.#hash, data))
  }

  /** @throws Error for a public key that makes the secret the same whatever the private key is */
  mixKey(mine: KeyPair, theirs: Uint8Array): void {
    const secret = this.#crypto.generateX25519SharedKey(mine.privateKey, theirs)
    // Most implementations refuse by themselves; RFC 7748 leaves it to the protocol.
    if (secret.every(byte => byte === 0)) throw new Error('a public key of low order')
    const [chainingKey, key] = this.#crypto.getHKDF(this.#chainingKey, secret)
    this.#chainingKey = chainingKey
    this.#cipher = new Cipher(this.#crypto, key)
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encrypt(plaintext, this.#hash).subarray() ?? plaintext
    this.mixHash(ciphertext)
    return ciphertext
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher?.decrypt(ciphertext, this.#hash).subarray() ?? ciphertext
    this.mixHash(ciphertext)
    return plaintext
  }

  /** The keys of the connection: that of the initiator's messages first. */
  split(): [Cipher, Cipher] {
    const [first, second] = this.#crypto.getHKDF(this.#chainingKey, EMPTY)
    return [new Cipher(this.#crypto, first), new Cipher(this.#crypto, second)]
  }
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return concat(
    parts,
    parts.reduce((sum, part) => sum + part.byteLength, 0)
  )
}
