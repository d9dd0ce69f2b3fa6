import type { PeerId } from '@libp2p/interface'
import { describe, expect, it, vi } from 'vitest'
import type { Dialect } from '../../../../src/host/dialects.ts'
import { bytesOf, KIB, randomBody, sameBytes } from '../../../support/bytes.ts'
import { failure, noisePeer, outcome, type PeerOptions, read, type Shaken, shake } from '../../../support/noise.ts'

/** Sends both ways, several records at once. */
async function exchange({ dialled, accepted }: Shaken): Promise<void> {
  const [near, far] = [outcome(dialled).connection, outcome(accepted).connection]
  for (const [from, to] of [
    [near, far],
    [far, near]
  ] as const) {
    for (const size of [1, 1_199, 1_200, 200 * KIB]) {
      const body = randomBody(size)
      const received = read(to, size)
      from.send(body)
      expect(sameBytes(await received, body)).toBe(true)
    }
  }
}

const OURS = { libp2p: {}, dep2p: { dialect: 'dep2p' } } satisfies Record<Dialect, PeerOptions>
const STOCK = { stock: true }

describe('the dialects of noise', () => {
  it.for<[string, string, PeerOptions, PeerOptions, Dialect]>([
    ['ours', 'ours', OURS.libp2p, OURS.libp2p, 'libp2p'],
    ['ours', 'ours that accepts dep2p', OURS.libp2p, OURS.dep2p, 'dep2p'],
    ['ours that accepts dep2p', 'ours', OURS.dep2p, OURS.libp2p, 'libp2p'],
    ['ours that accepts dep2p', 'ours that accepts dep2p', OURS.dep2p, OURS.dep2p, 'dep2p'],
    ['ours', 'stock', OURS.libp2p, STOCK, 'libp2p'],
    ['ours that accepts dep2p', 'stock', OURS.dep2p, STOCK, 'libp2p'],
    ['stock', 'ours', STOCK, OURS.libp2p, 'libp2p']
  ])('%s dials %s', async ([, , dials, listens, dialect]) => {
    const told: [end: string, peer: PeerId, dialect: Dialect][] = []
    const watch = (end: string) => ({
      onDialect: (peer: PeerId, spoken: Dialect) => void told.push([end, peer, spoken])
    })
    const dialler = await noisePeer({ ...dials, ...watch('dialler') })
    const listener = await noisePeer({ ...listens, ...watch('listener') })
    const shaken = await shake({ dialler, listener })
    expect(outcome(shaken.dialled).remotePeer.equals(listener.id)).toBe(true)
    expect(outcome(shaken.accepted).remotePeer.equals(dialler.id)).toBe(true)
    await exchange(shaken)
    const expected = []
    if (dials.stock !== true) expected.push(['dialler', listener.id, dialect])
    if (listens.stock !== true) expected.push(['listener', dialler.id, dialect])
    expect(told.toSorted(([one], [other]) => one.localeCompare(other))).toEqual(expected)
  })

  it('a listener tells which option a dialler of the other dialect needs', async () => {
    const onDialect = vi.fn()
    const [dialler, listener] = [await noisePeer(STOCK), await noisePeer({ ...OURS.dep2p, onDialect })]
    const { dialled, accepted } = await shake({ dialler, listener })
    expect(failure(dialled).message).toMatch(/signature/)
    expect(failure(accepted)).toMatchObject({
      name: 'InvalidCryptoExchangeError',
      message: expect.stringMatching(/the dialler left .* option dialect: 'libp2p'/)
    })
    expect(onDialect).not.toHaveBeenCalled()
  })

  it.for(['Ed25519', 'secp256k1', 'RSA'] as const)('takes identities with %s keys', async key => {
    const [dialler, listener] = [await noisePeer({ key }), await noisePeer({ ...OURS.dep2p, key })]
    const acceptOptions = { remotePeer: dialler.id }
    const { dialled, accepted } = await shake({ dialler, listener, acceptOptions })
    expect(outcome(dialled).remotePeer.equals(listener.id)).toBe(true)
    expect(outcome(accepted).remotePeer.equals(dialler.id)).toBe(true)
  })
})

describe('what goes with a noise handshake', () => {
  it.for<[string, PeerOptions, PeerOptions]>([
    ['ours and ours', {}, {}],
    ['ours and stock', {}, STOCK],
    ['stock and ours', STOCK, {}]
  ])('%s agree on a muxer, unless told not to', async ([, dials, listens]) => {
    const muxers = ['/yamux/1.0.0', '/other/1.0.0']
    const [dialler, listener] = [await noisePeer({ ...dials, muxers }), await noisePeer({ ...listens, muxers })]
    const agreed = await shake({ dialler, listener })
    expect(outcome(agreed.dialled).streamMuxer?.protocol).toBe('/yamux/1.0.0')
    expect(outcome(agreed.accepted).streamMuxer?.protocol).toBe('/yamux/1.0.0')
    const skip = { skipStreamMuxerNegotiation: true }
    const skipped = await shake({ dialler, listener, dialOptions: skip, acceptOptions: skip })
    expect(outcome(skipped.dialled).streamMuxer).toBeUndefined()
    expect(outcome(skipped.accepted).streamMuxer).toBeUndefined()
    expect(outcome(skipped.accepted).remoteExtensions).toEqual({ webtransportCerthashes: [], streamMuxers: [] })
  })

  it('certificate hashes, a prologue and a static key of its own, as stock takes them', async () => {
    const extensions = { webtransportCerthashes: [bytesOf('one'), bytesOf('two')] }
    const staticNoiseKey = randomBody(32)
    const prologueBytes = bytesOf('prologue')
    const ours = await noisePeer({ extensions, prologueBytes, staticNoiseKey })
    const stock = await noisePeer({ stock: true, extensions, prologueBytes, staticNoiseKey })
    for (const [dialler, listener] of [
      [ours, stock],
      [stock, ours]
    ] as const) {
      const { dialled, accepted } = await shake({ dialler, listener })
      expect(outcome(dialled).remoteExtensions?.webtransportCerthashes.map(hash => hash.subarray())).toEqual(
        extensions.webtransportCerthashes
      )
      expect(outcome(accepted).remoteExtensions).toEqual({ ...extensions, streamMuxers: [] })
    }
    const { dialled } = await shake({ dialler: await noisePeer({ prologueBytes: bytesOf('other') }), listener: stock })
    expect(failure(dialled).message).toMatch(/message 2/)
  })

  it('metrics count handshakes as stock does', async () => {
    const [ours, other] = [await noisePeer(), await noisePeer({ ...OURS.dep2p })]
    const stock = await noisePeer(STOCK)
    await shake({ dialler: ours, listener: other })
    await shake({ dialler: stock, listener: other })
    expect(ours.counts).toEqual({ libp2p_noise_xxhandshake_successes_total: 1 })
    expect(other.counts).toEqual({
      libp2p_noise_xxhandshake_successes_total: 1,
      libp2p_noise_xxhandshake_error_total: 1
    })
    expect(stock.counts).toEqual({ libp2p_noise_xxhandshake_error_total: 1 })
  })
})
