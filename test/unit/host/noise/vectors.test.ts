import { readFileSync } from 'node:fs'
import { type ICryptoInterface, pureJsCrypto } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { describe, expect, it } from 'vitest'
import { Cipher } from '../../../../src/host/noise/cipher.ts'
import { readMessage1, type Side, writeMessage1 } from '../../../../src/host/noise/xx.ts'
import { raise } from '../../../support/raise.ts'

interface Vector {
  source: string
  prologue: string
  initStatic: string
  initEphemeral: string
  respStatic: string
  respEphemeral: string
  handshakeHash?: string
  messages: [payload: string, ciphertext: string][]
}

const FILE = new URL('../../../vectors/noise-xx.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: Vector[] }

const hex = (bytes: { subarray(): Uint8Array }): string => Buffer.from(bytes.subarray()).toString('hex')
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

function sides(vector: Vector, crypto: ICryptoInterface): { initiator: Side; responder: Side } {
  const side = (fixed: string, ephemeral: string): Side => ({
    crypto,
    prologue: unhex(vector.prologue),
    staticKey: crypto.generateX25519KeyPairFromSeed(unhex(fixed)),
    ephemeralKey: crypto.generateX25519KeyPairFromSeed(unhex(ephemeral))
  })
  return {
    initiator: side(vector.initStatic, vector.initEphemeral),
    responder: side(vector.respStatic, vector.respEphemeral)
  }
}

const CRYPTOS = { default: defaultCrypto, 'pure JavaScript': pureJsCrypto }

describe.for(Object.entries(CRYPTOS))('Noise XX with the %s crypto', ([, crypto]) => {
  it.for(vectors)('does what $source says', vector => {
    const [one, two, three, ...transport] = vector.messages.map(message => message.map(unhex))
    const [[payload1, wire1], [payload2, wire2], [payload3, wire3]] = [one, two, three] as [Pair, Pair, Pair]
    const { initiator, responder } = sides(vector, crypto)

    const first = writeMessage1(initiator, payload1)
    expect(hex(first.message)).toBe(hex(wire1))
    const seen1 = readMessage1(responder, wire1)
    expect(hex(seen1.payload)).toBe(hex(payload1))

    const second = seen1.next(payload2)
    expect(hex(second.message)).toBe(hex(wire2))
    const seen2 = first.next(wire2)
    expect(hex(seen2.payload)).toBe(hex(payload2))
    expect(hex(seen2.remoteStatic)).toBe(hex(responder.staticKey.publicKey))

    const third = seen2.next(payload3)
    expect(hex(third.message)).toBe(hex(wire3))
    const seen3 = second.next(wire3)
    expect(hex(seen3.payload)).toBe(hex(payload3))
    expect(hex(seen3.remoteStatic)).toBe(hex(initiator.staticKey.publicKey))

    expect(hex(third.next.hash)).toBe(hex(seen3.next.hash))
    if (vector.handshakeHash !== undefined) expect(hex(third.next.hash)).toBe(vector.handshakeHash)
    // The side that accepts speaks first here.
    transport.forEach(([payload = raise('no payload'), wire = raise('no message')], index) => {
      const [from, to] = index % 2 === 0 ? [seen3.next, third.next] : [third.next, seen3.next]
      expect(hex(from.send.encrypt(payload))).toBe(hex(wire))
      expect(hex(to.receive.decrypt(wire))).toBe(hex(payload))
    })
  })

  it('uses a key for 2^32 messages and no more', () => {
    const key = crypto.hashSHA256(unhex('00'))
    const [sender, receiver] = [new Cipher(crypto, key, 2 ** 32 - 1), new Cipher(crypto, key, 2 ** 32 - 1)]
    const last = sender.encrypt(unhex('0102'))
    expect(hex(receiver.decrypt(last))).toBe('0102')
    expect(() => sender.encrypt(unhex('01'))).toThrow(/used up/)
    expect(() => receiver.decrypt(last)).toThrow(/used up/)
  })

  it('a message that is not authentic does not count', () => {
    const key = crypto.hashSHA256(unhex('00'))
    const [sender, receiver] = [new Cipher(crypto, key), new Cipher(crypto, key)]
    const message = sender.encrypt(unhex('0102')).subarray()
    const forged = message.slice()
    forged[0] = (forged[0] ?? 0) ^ 1
    expect(() => receiver.decrypt(forged)).toThrow(Error)
    expect(hex(receiver.decrypt(message))).toBe('0102')
  })
})

type Pair = [payload: Uint8Array, wire: Uint8Array]
