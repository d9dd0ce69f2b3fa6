import { InvalidCryptoExchangeError } from '@libp2p/interface'
import type { ICryptoInterface, KeyPair } from '@libp2p/noise'
import { messageOf } from '../../core/errors.ts'
import { type Cipher, EMPTY } from './cipher.ts'
import { join, KEY_LENGTH, SymmetricState, TAG_LENGTH } from './symmetric-state.ts'

/** What a side brings to a handshake. */
export interface Side {
  crypto: ICryptoInterface
  prologue: Uint8Array
  staticKey: KeyPair
  /** Made for this handshake alone. */
  ephemeralKey: KeyPair
}

/** A message as it goes over the wire, and what becomes possible with it. */
export interface Written<Next> {
  message: Uint8Array
  next: Next
}

/** What came with a message, and what becomes possible with it. */
export interface Read<Next> {
  payload: Uint8Array
  /** The sender's static key, which `payload` has to prove to be that of a peer. */
  remoteStatic: Uint8Array
  next: Next
}

/** The keys of a connection, for this side. */
export interface Keys {
  send: Cipher
  receive: Cipher
  /** The same for both sides, and for no other handshake. */
  hash: Uint8Array
}

type ReadMessage2 = (message: Uint8Array) => Read<WriteMessage3>
type WriteMessage3 = (payload: Uint8Array) => Written<Keys>
type WriteMessage2 = (payload: Uint8Array) => Written<ReadMessage3>
type ReadMessage3 = (message: Uint8Array) => Read<Keys>

/**
 * Noise XX as the side that dials: `-> e`, `<- e, ee, s, es`, `-> s, se`. Each step gives the next one, so none can be
 * missed or taken twice.
 */
export function writeMessage1(side: Side, payload: Uint8Array = EMPTY): Written<ReadMessage2> {
  const { staticKey, ephemeralKey } = side
  const state = new SymmetricState(side.crypto, side.prologue)
  state.mixHash(ephemeralKey.publicKey)
  const message = join(ephemeralKey.publicKey, state.encryptAndHash(payload))

  const readMessage2 = reading(2, 2 * KEY_LENGTH + 2 * TAG_LENGTH, (received: Uint8Array): Read<WriteMessage3> => {
    const remoteEphemeral = received.subarray(0, KEY_LENGTH)
    const encryptedStatic = received.subarray(KEY_LENGTH, 2 * KEY_LENGTH + TAG_LENGTH)
    state.mixHash(remoteEphemeral)
    state.mixKey(ephemeralKey, remoteEphemeral)
    const remoteStatic = state.decryptAndHash(encryptedStatic)
    state.mixKey(ephemeralKey, remoteStatic)
    const writeMessage3 = (proof: Uint8Array): Written<Keys> => {
      const key = state.encryptAndHash(staticKey.publicKey)
      state.mixKey(staticKey, remoteEphemeral)
      const sent = join(key, state.encryptAndHash(proof))
      const [send, receive] = state.split()
      return { message: sent, next: { send, receive, hash: state.hash } }
    }
    const answer = state.decryptAndHash(received.subarray(2 * KEY_LENGTH + TAG_LENGTH))
    return { payload: answer, remoteStatic, next: writeMessage3 }
  })
  return { message, next: readMessage2 }
}

/** Noise XX as the side that accepts. */
export function readMessage1(side: Side, received: Uint8Array): Omit<Read<WriteMessage2>, 'remoteStatic'> {
  const { staticKey, ephemeralKey } = side
  const state = new SymmetricState(side.crypto, side.prologue)
  const read = reading(1, KEY_LENGTH, (message: Uint8Array) => {
    const ephemeral = message.subarray(0, KEY_LENGTH)
    state.mixHash(ephemeral)
    return { payload: state.decryptAndHash(message.subarray(KEY_LENGTH)), remoteEphemeral: ephemeral }
  })
  const { payload, remoteEphemeral } = read(received)

  const readMessage3 = reading(3, KEY_LENGTH + 2 * TAG_LENGTH, (message: Uint8Array): Read<Keys> => {
    const remoteStatic = state.decryptAndHash(message.subarray(0, KEY_LENGTH + TAG_LENGTH))
    state.mixKey(ephemeralKey, remoteStatic)
    const proof = state.decryptAndHash(message.subarray(KEY_LENGTH + TAG_LENGTH))
    const [receive, send] = state.split()
    return { payload: proof, remoteStatic, next: { send, receive, hash: state.hash } }
  })
  const writeMessage2 = reading(1, 0, (proof: Uint8Array): Written<ReadMessage3> => {
    state.mixHash(ephemeralKey.publicKey)
    state.mixKey(ephemeralKey, remoteEphemeral)
    const key = state.encryptAndHash(staticKey.publicKey)
    state.mixKey(staticKey, remoteEphemeral)
    return { message: join(ephemeralKey.publicKey, key, state.encryptAndHash(proof)), next: readMessage3 }
  })
  return { payload, next: writeMessage2 }
}

/** `step`, whose errors are about message `number` of the peer; shorter than `minimum` bytes is one of them. */
function reading<T>(number: number, minimum: number, step: (message: Uint8Array) => T): (message: Uint8Array) => T {
  return message => {
    if (message.byteLength < minimum) {
      throw new InvalidCryptoExchangeError(`noise: message ${number} has ${message.byteLength} bytes, not ${minimum}`)
    }
    try {
      return step(message)
    } catch (cause) {
      const error = new InvalidCryptoExchangeError(`noise: message ${number} is not valid: ${messageOf(cause)}`)
      throw Object.assign(error, { cause })
    }
  }
}
