import { pureJsCrypto } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { describe, expect, it } from 'vitest'
import { randomBody } from '../../../support/bytes.ts'
import { failure, noisePeer, orAbort, outcome, shake } from '../../../support/noise.ts'
import {
  type Forgery,
  forgeAccept,
  forgeDial,
  LAX_CRYPTO,
  LOW_ORDER,
  weakForgery
} from '../../../support/noise-forger.ts'

type Change = (message: Uint8Array) => Uint8Array

const flip =
  (at: number): Change =>
  message => {
    const changed = message.slice()
    const index = at < 0 ? message.byteLength + at : at
    changed[index] = (changed[index] ?? 0) ^ 1
    return changed
  }
const cut =
  (length: number): Change =>
  message =>
    message.subarray(0, length)
const longer: Change = message => new Uint8Array([...message, 0])
const garbage =
  (length: number): Change =>
  () =>
    randomBody(length)

const NOT_VALID = /message \d is not valid/

const CASES: [what: string, number: number, change: Change, error: RegExp][] = [
  ['an empty message 1', 1, cut(0), /message 1 has 0 bytes, not 32/],
  ['a message 1 of 31 bytes', 1, cut(31), /message 1 has 31 bytes, not 32/],
  ['an empty message 3', 3, cut(0), /message 3 has 0 bytes, not 64/],
  ['a message 3 of 63 bytes', 3, cut(63), /message 3 has 63 bytes, not 64/],
  ['a message 3 without its payload', 3, cut(64), NOT_VALID],
  ['a message 3 without its last byte', 3, message => message.subarray(0, -1), NOT_VALID],
  ['a message 3 with a byte more', 3, longer, NOT_VALID],
  ['a message 3 with another static key', 3, flip(0), NOT_VALID],
  ['a message 3 whose static key has another tag', 3, flip(47), NOT_VALID],
  ['a message 3 with another payload', 3, flip(48), NOT_VALID],
  ['a message 3 with another tag', 3, flip(-1), NOT_VALID],
  ['a message 3 of garbage', 3, garbage(200), NOT_VALID],
  ['the longest message 3, of garbage', 3, garbage(65_535), NOT_VALID],
  ['an empty message 2', 2, cut(0), /message 2 has 0 bytes, not 96/],
  ['a message 2 of 95 bytes', 2, cut(95), /message 2 has 95 bytes, not 96/],
  ['a message 2 without its payload', 2, cut(96), NOT_VALID],
  ['a message 2 without its last byte', 2, message => message.subarray(0, -1), NOT_VALID],
  ['a message 2 with a byte more', 2, longer, NOT_VALID],
  ['a message 2 with another ephemeral key', 2, flip(0), NOT_VALID],
  ['a message 2 with another static key', 2, flip(32), NOT_VALID],
  ['a message 2 whose static key has another tag', 2, flip(79), NOT_VALID],
  ['a message 2 with another payload', 2, flip(80), NOT_VALID],
  ['a message 2 with another tag', 2, flip(-1), NOT_VALID],
  ['a message 2 of garbage', 2, garbage(200), NOT_VALID],
  ['the longest message 2, of garbage', 2, garbage(65_535), NOT_VALID]
]

/** What a peer of ours says of a forger's handshake: it accepts, or it dials if `accepts` is false. */
async function refusal(forgery: Forgery, accepts: boolean, crypto = defaultCrypto): Promise<Error> {
  const ours = await noisePeer({ crypto })
  const [near, far] = multiaddrConnectionPair()
  const [secured] = await Promise.allSettled(
    accepts
      ? [orAbort(far, ours.encrypter.secureInbound(far)), forgeDial(near, forgery)]
      : [orAbort(near, ours.encrypter.secureOutbound(near)), forgeAccept(far, forgery)]
  )
  return failure(secured)
}

describe('a noise handshake ends at', () => {
  it.for(CASES)('%s', async ([, number, change, message]) => {
    const forgery: Forgery = {
      payload: () => randomBody(100),
      message: (which, written) => (which === number ? change(written) : written)
    }
    expect(await refusal(forgery, number !== 2)).toMatchObject({
      name: 'InvalidCryptoExchangeError',
      message: expect.stringMatching(message)
    })
  })

  it.for(
    LOW_ORDER.flatMap(point => [
      [point, 'lax', LAX_CRYPTO] as const,
      [point, 'default', defaultCrypto] as const,
      [point, 'pure JavaScript', pureJsCrypto] as const
    ])
  )('the key %s, whose secrets are all zero, with the %s crypto', async ([point, , crypto]) => {
    const error = (number: number) => ({
      name: 'InvalidCryptoExchangeError',
      message: expect.stringMatching(
        crypto === LAX_CRYPTO ? `message ${number} is not valid: a public key of low order` : `message ${number} is not`
      )
    })
    const [weakEphemeral, weakStatic] = [weakForgery('ephemeralKey', point), weakForgery('staticKey', point)]
    expect(await refusal(weakEphemeral, true, crypto)).toMatchObject(error(1))
    expect(await refusal(weakEphemeral, false, crypto)).toMatchObject(error(2))
    expect(await refusal(weakStatic, true, crypto)).toMatchObject(error(3))
    expect(await refusal(weakStatic, false, crypto)).toMatchObject(error(2))
  })

  it.for([2, 3])('a message %i of another handshake', async number => {
    let recorded: Uint8Array | undefined
    const forgery: Forgery = {
      message: (which, written) => {
        if (which !== number) return written
        recorded ??= written
        return recorded
      }
    }
    expect((await refusal(forgery, number === 3)).message).toMatch(/no identity key/)
    expect((await refusal(forgery, number === 3)).message).toMatch(NOT_VALID)
  })
})

describe('a noise handshake with the wrong peer', () => {
  it.for(['Ed25519', 'secp256k1', 'RSA'] as const)('fails on either side, with %s keys', async key => {
    const [one, other, third] = await Promise.all([noisePeer({ key }), noisePeer({ key }), noisePeer({ key })])
    const error = {
      name: 'UnexpectedPeerError',
      message: `noise: expected the peer ${third.id.toString()}, this is ${other.id.toString()}`
    }
    const dialled = await shake({ dialler: one, listener: other, dialOptions: { remotePeer: third.id } })
    expect(failure(dialled.dialled)).toMatchObject(error)
    const accepted = await shake({ dialler: other, listener: one, acceptOptions: { remotePeer: third.id } })
    expect(failure(accepted.accepted)).toMatchObject(error)
  })

  it('an RSA peer id is told by its hash alone', async () => {
    const [dialler, listener] = [await noisePeer(), await noisePeer({ key: 'RSA' })]
    const remotePeer = peerIdFromString(listener.id.toString())
    expect(remotePeer.publicKey).toBeUndefined()
    const right = await shake({ dialler, listener, dialOptions: { remotePeer } })
    expect(outcome(right.dialled).remotePeer.equals(remotePeer)).toBe(true)
    const wrong = await shake({ dialler, listener: await noisePeer({ key: 'RSA' }), dialOptions: { remotePeer } })
    expect(failure(wrong.dialled).name).toBe('UnexpectedPeerError')
  })
})
