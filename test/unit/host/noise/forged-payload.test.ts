import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { describe, expect, it, vi } from 'vitest'
import type { Dialect } from '../../../../src/host/dialects.ts'
import { bytesOf, join } from '../../../support/bytes.ts'
import { listenersOn, noisePeer, orAbort } from '../../../support/noise.ts'
import { type Forgery, forgeAccept, forgeDial } from '../../../support/noise-forger.ts'

const [key, other, otherKind] = await Promise.all([
  generateKeyPair('Ed25519'),
  generateKeyPair('Ed25519'),
  generateKeyPair('secp256k1')
])

const PREFIXES = { libp2p: bytesOf('noise-libp2p-static-key:'), dep2p: bytesOf('noise-dep2p-static-key:') }

/** A protobuf field that holds bytes. */
function field(number: number, value: Uint8Array, length: number = value.byteLength): Uint8Array {
  return join(Uint8Array.of((number << 3) | 2, (length & 127) | 128, length >>> 7), value)
}

interface Parts {
  publicKey: Uint8Array
  sig: Uint8Array
}

async function signed(prefix: Uint8Array, staticKey: Uint8Array, by: PrivateKey = key): Promise<Parts> {
  return { publicKey: publicKeyToProtobuf(by.publicKey), sig: await by.sign(join(prefix, staticKey)) }
}

const whole = ({ publicKey, sig }: Parts): Uint8Array => join(field(1, publicKey), field(2, sig))

type Case = [what: string, payload: (prefix: Uint8Array, staticKey: Uint8Array) => Promise<Uint8Array>, error: RegExp]

/** Each is what a proper payload becomes. */
function changed(what: string, change: (parts: Parts) => Uint8Array, error: RegExp): Case {
  return [what, async (prefix, staticKey) => change(await signed(prefix, staticKey)), error]
}

const BAD_SIGNATURE = /signature of the peer is not valid/

const CASES: Case[] = [
  changed('nothing at all', () => new Uint8Array(0), /no identity key/),
  changed('no identity key', ({ sig }) => field(2, sig), /no identity key/),
  changed('an empty identity key', ({ sig }) => whole({ publicKey: new Uint8Array(0), sig }), /no identity key/),
  changed('no signature', ({ publicKey }) => field(1, publicKey), /no signature/),
  changed('an empty signature', parts => whole({ ...parts, sig: new Uint8Array(0) }), /no signature/),
  changed('a signature that is too short', parts => whole({ ...parts, sig: parts.sig.subarray(1) }), BAD_SIGNATURE),
  changed('a signature that is too long', parts => whole({ ...parts, sig: join(parts.sig, parts.sig) }), BAD_SIGNATURE),
  changed(
    'a signature with one bit turned',
    ({ publicKey, sig }) => {
      const turned = sig.slice()
      turned[40] = (turned[40] ?? 0) ^ 1
      return whole({ publicKey, sig: turned })
    },
    BAD_SIGNATURE
  ),
  [
    'a signature of another key',
    async (prefix, staticKey) => {
      const { sig } = await signed(prefix, staticKey, other)
      return whole({ publicKey: publicKeyToProtobuf(key.publicKey), sig })
    },
    BAD_SIGNATURE
  ],
  [
    'a signature of another kind of key',
    async (prefix, staticKey) => {
      const { sig } = await signed(prefix, staticKey)
      return whole({ publicKey: publicKeyToProtobuf(otherKind.publicKey), sig })
    },
    BAD_SIGNATURE
  ],
  ['a signature of another static key', async prefix => whole(await signed(prefix, new Uint8Array(32))), BAD_SIGNATURE],
  [
    'a signature of the static key alone',
    async (_, staticKey) => whole(await signed(new Uint8Array(0), staticKey)),
    BAD_SIGNATURE
  ],
  [
    'a signature in a third dialect',
    async (_, staticKey) => whole(await signed(bytesOf('noise-other-static-key:'), staticKey)),
    BAD_SIGNATURE
  ],
  [
    'a signature of the words that TLS signs',
    async (_, staticKey) => whole(await signed(bytesOf('libp2p-tls-handshake:'), staticKey)),
    BAD_SIGNATURE
  ],
  changed('a key that is not one', parts => whole({ ...parts, publicKey: bytesOf('key') }), /payload .* not valid/),
  changed(
    'a key of no known kind',
    parts => whole({ ...parts, publicKey: Uint8Array.of(8, 99, 18, 1, 7) }),
    /payload .* not valid/
  ),
  changed(
    'a key that is cut off',
    parts => whole({ ...parts, publicKey: parts.publicKey.subarray(0, 20) }),
    /payload .* not valid/
  ),
  changed('a payload that is cut off', parts => whole(parts).subarray(0, -1), /payload .* not valid/),
  changed('a byte behind the payload', parts => join(whole(parts), Uint8Array.of(0x0a)), /payload .* not valid/),
  changed('a zero behind the payload', parts => join(whole(parts), Uint8Array.of(0)), /not a protobuf/),
  changed(
    'a length beyond the end',
    ({ publicKey, sig }) => join(field(1, publicKey), field(2, sig, 16_000)),
    /payload .* not valid/
  ),
  changed(
    'extensions that reach beyond their own end',
    parts => join(whole(parts), field(4, Uint8Array.of(0x0a, 200, 1))),
    /payload .* not valid/
  ),
  changed('a group', parts => join(whole(parts), Uint8Array.of(0x2b, 0x2c)), /not a protobuf/),
  changed('groups, one in the other', parts => join(whole(parts), new Uint8Array(10_000).fill(0x2b)), /not a protobuf/),
  changed('a wire type that there is not', parts => join(whole(parts), Uint8Array.of(0x2f, 0)), /payload .* not valid/),
  changed('101 muxers', parts => join(whole(parts), field(4, repeated(2))), /more than 100/),
  changed(
    '101 hashes',
    parts => join(whole(parts), ...Array.from({ length: 101 }, () => field(4, field(1, bytesOf('h'))))),
    /more than 100/
  )
]

function repeated(number: number): Uint8Array {
  return join(...Array.from({ length: 101 }, () => field(number, bytesOf('x'))))
}

const DIALECTS = ['libp2p', 'dep2p'] as const satisfies Dialect[]

describe.for(DIALECTS)('a %s peer is refused for', dialect => {
  it.for(CASES)('%s', async ([, payload, message]) => {
    const onDialect = vi.fn()
    const ours = await noisePeer({ dialect, onDialect })
    const forgery: Forgery = { payload: async staticKey => payload(PREFIXES[dialect], staticKey) }
    const error = { name: 'InvalidCryptoExchangeError', message: expect.stringMatching(message) }

    const [dials, forgedFar] = multiaddrConnectionPair()
    const before = listenersOn(dials)
    const dialling = orAbort(dials, ours.encrypter.secureOutbound(dials))
    await Promise.all([expect(dialling).rejects.toMatchObject(error), forgeAccept(forgedFar, forgery)])

    const [forgedNear, accepts] = multiaddrConnectionPair()
    const accepting = orAbort(accepts, ours.encrypter.secureInbound(accepts))
    await Promise.all([expect(accepting).rejects.toMatchObject(error), forgeDial(forgedNear, forgery)])

    expect(onDialect).not.toHaveBeenCalled()
    expect([listenersOn(dials), listenersOn(accepts)]).toEqual([before, before])
  })

  it('nothing, if it does it right', async () => {
    const onDialect = vi.fn()
    const ours = await noisePeer({ dialect, onDialect })
    const forgery: Forgery = {
      payload: async staticKey => whole(await signed(PREFIXES[dialect], staticKey)),
      early: bytesOf('for nobody')
    }
    const [dials, far] = multiaddrConnectionPair()
    await Promise.all([ours.encrypter.secureOutbound(dials), forgeAccept(far, forgery)])
    const [near, accepts] = multiaddrConnectionPair()
    await Promise.all([ours.encrypter.secureInbound(accepts), forgeDial(near, forgery)])
    expect(onDialect.mock.calls.map(([, spoken]) => spoken)).toEqual([dialect, dialect])
  })

  it('message 3 in the other dialect, with word of the option', async () => {
    const ours = await noisePeer({ dialect })
    const off = dialect === 'libp2p' ? 'dep2p' : 'libp2p'
    const [near, accepts] = multiaddrConnectionPair()
    const accepting = orAbort(accepts, ours.encrypter.secureInbound(accepts))
    const payload = async (staticKey: Uint8Array) => whole(await signed(PREFIXES[off], staticKey))
    await Promise.all([
      expect(accepting).rejects.toMatchObject({
        name: 'InvalidCryptoExchangeError',
        message: expect.stringMatching(`signs as a ${off} peer; .* option dialect: '${off}'`)
      }),
      forgeDial(near, { payload })
    ])
  })
})
