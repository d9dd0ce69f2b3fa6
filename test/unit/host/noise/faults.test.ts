import { getEventListeners } from 'node:events'
import type { ICryptoInterface } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { describe, expect, it, vi } from 'vitest'
import { bytesOf, randomBody, sameBytes } from '../../../support/bytes.ts'
import { failure, listenersOn, type NoisePeer, noisePeer, orAbort, read } from '../../../support/noise.ts'
import { NoiseLink } from '../../../support/noise-link.ts'
import { until, within } from '../../../support/until.ts'

const NONE = listenersOn(multiaddrConnectionPair()[0])

async function pair(dialect: 'libp2p' | 'dep2p' = 'libp2p'): Promise<[dialler: NoisePeer, listener: NoisePeer]> {
  return [await noisePeer(), await noisePeer({ dialect })]
}

/** Both sides of a handshake over `link`; who fails aborts. */
async function over(link: NoiseLink, [dialler, listener]: [NoisePeer, NoisePeer], signal?: AbortSignal) {
  const options = signal === undefined ? {} : { signal }
  const settled = Promise.allSettled([
    orAbort(link.near, dialler.encrypter.secureOutbound(link.near, { remotePeer: listener.id, ...options })),
    orAbort(link.far, listener.encrypter.secureInbound(link.far, options))
  ])
  return within(5_000, 'both sides are done', settled)
}

describe('a noise handshake that is cut off', () => {
  it('after any byte, by a close or a reset by turns, ends on both sides and leaves nothing', async () => {
    const peers = await pair('dep2p')
    const whole = new NoiseLink()
    await over(whole, peers)
    const { signal } = new AbortController()
    for (const way of ['out', 'back'] as const) {
      // The dialler is through once it has sent the last byte.
      for (let most = 0; most < whole[way].passed; most += 1) {
        const link = new NoiseLink({ end: most % 2 === 0 ? 'close' : 'reset' })
        link[way].most = most
        if (most === 0) link.end()
        const [dialled, accepted] = await over(link, peers, signal)
        expect(accepted.status).toBe('rejected')
        if (way === 'back') expect(dialled.status).toBe('rejected')
        expect(listenersOn(link.far)).toEqual(NONE)
        if (dialled.status === 'rejected') expect(listenersOn(link.near)).toEqual(NONE)
      }
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('while the last message is read, too', async () => {
    const link = new NoiseLink()
    let decrypted = 0
    const crypto: ICryptoInterface = {
      ...defaultCrypto,
      chaCha20Poly1305Decrypt: (...args) => {
        decrypted += 1
        // Message 3 has two parts.
        if (decrypted === 2) link.far.abort(new Error('gone'))
        return defaultCrypto.chaCha20Poly1305Decrypt(...args)
      }
    }
    const onDialect = vi.fn()
    const [, accepted] = await over(link, [await noisePeer(), await noisePeer({ crypto, onDialect })])
    expect(failure(accepted).message).toBe('noise: the connection has closed')
    expect(onDialect).not.toHaveBeenCalled()
    expect(listenersOn(link.far)).toEqual(NONE)
  })
})

describe('a noise handshake that dribbles', () => {
  it('byte by byte is a handshake', async () => {
    const link = new NoiseLink({ dribble: true })
    const [dialled, accepted] = await over(link, await pair('dep2p'))
    expect([dialled.status, accepted.status]).toEqual(['fulfilled', 'fulfilled'])
  })

  it('loses nothing that comes together with message 3', async () => {
    const [dialler, listener] = await pair()
    const link = new NoiseLink()
    const accepting = listener.encrypter.secureInbound(link.far)
    const dialling = dialler.encrypter.secureOutbound(link.near)
    await until(
      'message 1 is through',
      () => link.out.passed,
      passed => passed > 0
    )
    link.out.held = true
    const { connection } = await dialling
    const bodies = [bytesOf('early'), randomBody(70_000)] as const
    for (const body of bodies) connection.send(body)
    await until(
      'all is sent',
      () => link.near.writeBufferLength,
      length => length === 0
    )
    link.release()
    const received = await read((await accepting).connection, 70_005)
    expect(sameBytes(received, new Uint8Array(Buffer.concat(bodies)))).toBe(true)
  })
})

describe('a noise handshake that is aborted', () => {
  const error = { code: 'ERR_ABORTED', message: expect.stringMatching(/noise handshake was aborted/) }

  it('before it begins leaves nothing', async () => {
    const [ours] = await pair()
    const [near] = multiaddrConnectionPair()
    await expect(ours.encrypter.secureOutbound(near, { signal: AbortSignal.abort() })).rejects.toMatchObject(error)
    await expect(ours.encrypter.secureInbound(near, { signal: AbortSignal.abort() })).rejects.toMatchObject(error)
    expect(listenersOn(near)).toEqual(NONE)
  })

  it('by a deadline says so', async () => {
    const [ours] = await pair()
    const [near] = multiaddrConnectionPair()
    const secured = ours.encrypter.secureInbound(near, { signal: AbortSignal.timeout(1) })
    await expect(secured).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringMatching('noise handshake')
    })
    expect(listenersOn(near)).toEqual(NONE)
  })

  it.for([
    ['message 1', 'out', 0, 'far'],
    ['message 2', 'back', 0, 'near'],
    ['message 3', 'out', 34, 'far']
  ] as const)('while it waits for %s leaves nothing', async ([, way, bytes, side]) => {
    const [dialler, listener] = await pair()
    const link = new NoiseLink()
    if (bytes === 0) link[way].held = true
    const abort = new AbortController()
    const options = { signal: abort.signal }
    const dialling = dialler.encrypter.secureOutbound(link.near, side === 'near' ? options : {})
    const accepting = listener.encrypter.secureInbound(link.far, side === 'far' ? options : {})
    const [waiting, other] = side === 'near' ? [dialling, accepting] : [accepting, dialling]
    // The other side is not told; it fails when its connection is aborted.
    other.catch(() => {})
    if (bytes > 0) {
      await until(
        'what is before is through',
        () => link[way].passed,
        passed => passed >= bytes
      )
      link.out.held = true
    }
    await until(
      'it waits',
      () => getEventListeners(options.signal, 'abort').length,
      count => count > 0
    )
    abort.abort()
    await expect(waiting).rejects.toMatchObject(error)
    expect(listenersOn(link[side])).toEqual(NONE)
    expect(getEventListeners(options.signal, 'abort')).toEqual([])
    link.end()
  })

  it('while it signs sends nothing more', async () => {
    const signing = Promise.withResolvers<void>()
    const signed = Promise.withResolvers<Uint8Array>()
    const sign = async (): Promise<Uint8Array> => {
      signing.resolve()
      return signed.promise
    }
    const [slow, other] = [await noisePeer({ sign }), await noisePeer()]
    const link = new NoiseLink()
    const abort = new AbortController()
    const accepting = slow.encrypter.secureInbound(link.far, { signal: abort.signal })
    other.encrypter.secureOutbound(link.near).catch(() => {})
    await signing.promise
    abort.abort()
    signed.resolve(randomBody(64))
    await expect(accepting).rejects.toMatchObject(error)
    expect(link.back.passed).toBe(0)
    expect(listenersOn(link.far)).toEqual(NONE)
    link.end()
  })

  it('afterwards has left nothing, though the connection was slow to take it', async () => {
    const [dialler, listener] = await pair()
    const [near, far] = multiaddrConnectionPair({ capacity: 0 })
    const { signal } = new AbortController()
    await Promise.all([
      dialler.encrypter.secureOutbound(near, { signal }),
      listener.encrypter.secureInbound(far, { signal })
    ])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('while the connection takes no more leaves nothing', async () => {
    const [ours] = await pair()
    const [near, far] = multiaddrConnectionPair({ capacity: 0 })
    far.pause()
    const abort = new AbortController()
    const dialling = ours.encrypter.secureOutbound(near, { signal: abort.signal })
    await until(
      'it waits',
      () => listenersOn(near)['drain'],
      count => count !== NONE['drain']
    )
    abort.abort()
    await expect(dialling).rejects.toMatchObject(error)
    expect(listenersOn(near)).toEqual(NONE)
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
  })
})
