import type { ICryptoInterface } from '@libp2p/noise'
import type { Uint8ArrayList } from 'uint8arraylist'

export type Bytes = Uint8Array | Uint8ArrayList

export const EMPTY: Uint8Array = new Uint8Array(0)

/** Messages that one key encrypts, as @libp2p/noise counts them: the Noise specification would allow 2^64 - 1. */
const MESSAGES = 2 ** 32

/** One key of Noise and the number of messages it has encrypted, or decrypted, so far. */
export class Cipher {
  readonly #crypto: ICryptoInterface
  readonly #key: Uint8Array
  readonly #nonce = new Uint8Array(12)
  readonly #view = new DataView(this.#nonce.buffer)
  #count: number

  constructor(crypto: ICryptoInterface, key: Uint8Array, count = 0) {
    this.#crypto = crypto
    this.#key = key
    this.#count = count
  }

  encrypt(plaintext: Bytes, associated: Uint8Array = EMPTY): Bytes {
    const ciphertext = this.#crypto.chaCha20Poly1305Encrypt(plaintext, this.#next(), associated, this.#key)
    this.#count += 1
    return ciphertext
  }

  /**
   * A message that is not authentic does not count, as Noise has it.
   *
   * @param into memory that may be used for the plaintext
   */
  decrypt(ciphertext: Bytes, associated: Uint8Array = EMPTY, into?: Uint8Array): Bytes {
    const plaintext = this.#crypto.chaCha20Poly1305Decrypt(ciphertext, this.#next(), associated, this.#key, into)
    this.#count += 1
    return plaintext
  }

  #next(): Uint8Array {
    // Two messages under one nonce would give away the key stream.
    if (this.#count >= MESSAGES) throw new Error('noise: the key is used up; the peers have to connect anew')
    this.#view.setUint32(4, this.#count, true)
    return this.#nonce
  }
}
