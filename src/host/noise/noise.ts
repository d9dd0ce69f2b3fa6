import { ConnectionClosedError, type ConnectionEncrypter, type PeerId } from '@libp2p/interface'
import { noise as libp2pNoise, type NoiseComponents, type NoiseExtensions, type NoiseInit } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import type { LengthPrefixedStream } from '@libp2p/utils'
import { Cancellation } from '../../core/cancellation.ts'
import type { Dialect } from '../dialects.ts'
import { EMPTY } from './cipher.ts'
import { accept, dial, type Handshake, type Outcome, type Party } from './handshake.ts'
import { replaceHandshakes, type ShakeHands } from './hook.ts'
import type { Extensions } from './payload.ts'

export interface NoiseOptions extends NoiseInit {
  /**
   * As what this side signs when it accepts a connection, which it does before it knows what the peer is: those of the
   * other dialect are not accepted. Default `'libp2p'`. Peers of both are dialled, whatever this says.
   */
  dialect?: Dialect | undefined
  /** Told what a peer speaks, once it has proven who it is. */
  onDialect?: ((peer: PeerId, dialect: Dialect) => void) | undefined
}

type Run = (party: Party, handshake: Handshake) => Promise<Outcome>

/**
 * The noise handshake of libp2p and of go-dep2p, which sign other words: a drop-in for `noise()` of @libp2p/noise, whose
 * handshakes it replaces. Framing, all that comes after the handshake and the choice of a muxer are still that
 * package's; docs/decisions.md says why.
 */
export function noise(
  options: NoiseOptions = {}
): (components: NoiseComponents) => ConnectionEncrypter<NoiseExtensions> {
  const { dialect = 'libp2p', onDialect, ...init } = options
  return components => {
    const encrypter = libp2pNoise(init)(components)
    const { metrics } = components
    const party = partyOf(components, init, dialect)
    // Metrics know a counter by its name: these are the ones that the replaced methods would count with.
    const successes = metrics?.registerCounter('libp2p_noise_xxhandshake_successes_total')
    const failures = metrics?.registerCounter('libp2p_noise_xxhandshake_error_total')

    const extensions = (skipMuxers = false): Extensions => ({
      // libp2p makes its upgrader after its encrypters.
      streamMuxers: skipMuxers ? [] : [...components.upgrader.getStreamMuxers().keys()],
      webtransportCerthashes: init.extensions?.webtransportCerthashes ?? []
    })

    const as =
      (run: Run): ShakeHands =>
      async (wire, { remotePeer, signal, skipStreamMuxerNegotiation } = {}) => {
        try {
          const sent = extensions(skipStreamMuxerNegotiation)
          const outcome = await holding(wire, signal, stop =>
            run(party, { wire, extensions: sent, expected: remotePeer, signal: stop })
          )
          onDialect?.(outcome.peer, outcome.dialect)
          successes?.increment()
          const { send, receive } = outcome.keys
          return {
            payload: outcome.payload,
            encrypt: plaintext => send.encrypt(plaintext),
            decrypt: (ciphertext, into) => receive.decrypt(ciphertext, EMPTY, into)
          }
        } catch (error) {
          failures?.increment()
          throw error
        }
      }
    replaceHandshakes(encrypter, { dial: as(dial), accept: as(accept) })
    return encrypter
  }
}

function partyOf({ privateKey }: NoiseComponents, init: NoiseInit, dialect: Dialect): Party {
  const { crypto = defaultCrypto, staticNoiseKey: seed, prologueBytes: prologue = EMPTY } = init
  const staticKey = seed === undefined ? crypto.generateX25519KeyPair() : crypto.generateX25519KeyPairFromSeed(seed)
  return { crypto, prologue, staticKey, privateKey, dialect }
}

/** Runs a handshake until it or `signal` ends it, and leaves nothing of it on the connection or the signal. */
async function holding<T>(
  wire: LengthPrefixedStream,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  try {
    using cancellation = new Cancellation({ signal }, 'the noise handshake')
    const outcome = await run(cancellation.signal).catch((error: unknown) => {
      throw cancellation.reason ?? error
    })
    // What the peer has sent behind its last message goes back to the connection, and waits there.
    if (wire.unwrap().status !== 'open') throw new ConnectionClosedError('noise: the connection has closed')
    return outcome
  } catch (error) {
    release(wire)
    throw error
  }
}

/** Takes the listeners of a handshake that has failed off the connection. */
function release(wire: LengthPrefixedStream): void {
  try {
    wire.unwrap()
  } catch {
    // A connection that has closed does not take back what nobody has read.
  }
}
