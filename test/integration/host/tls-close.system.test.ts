import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { TcpProxy } from '../../support/tls/proxy.ts'
import { OWN_WAYS, TlsPair, WAYS } from '../../support/tls/nodes.ts'
import { acceptAll, digestOf, open, openBoth, type Received, sendAll, sendForever } from '../../support/tls/streams.ts'
import { until, within } from '../../support/until.ts'

/** libp2p's `connectionCloseTimeout`. */
const CLOSE_TIMEOUT = 1_000
/** Time that no machine needs unless something hangs. */
const PROMPT = 5_000

describe.each(WAYS.filter(({ dialler }) => dialler !== 'stock'))('closing TLS, $dialler to $listener', ways => {
  let pair: TlsPair
  let accepted: Received[]
  beforeEach(async () => {
    pair = await TlsPair.create(ways)
    accepted = await acceptAll(pair.listener)
  })
  afterEach(async () => pair[Symbol.asyncDispose]())

  it.each([0, 1, 100_000, 16 * MIB])('%d bytes right before it arrive, and the end of the stream', async length => {
    const { dialled } = await pair.connect()
    const { near, far } = await openBoth(dialled, accepted)
    const body = randomBody(length)
    await sendAll(near.stream, [body])
    await near.stream.close()
    await dialled.close()
    expect(await far.all()).toEqual(digestOf(body))
    await pair.disconnected()
  })

  it('what is sent right before the node stops arrives', async () => {
    const { dialled } = await pair.connect()
    const bodies = Array.from({ length: 20 }, () => randomBody(200_000))
    const streams = await Promise.all(bodies.map(async () => open(dialled)))
    await Promise.all(
      streams.map(async ({ stream }, i) => {
        await sendAll(stream, bodies.slice(i, i + 1))
        await stream.close()
      })
    )
    await pair.dialler.stop()
    const digests = await Promise.all(accepted.map(async received => received.all()))
    expect(digests.map(({ digest }) => digest).toSorted()).toEqual(bodies.map(body => digestOf(body).digest).toSorted())
  })

  it('before a first byte it ends both sides', async () => {
    const { dialled } = await pair.connect()
    await within(PROMPT, 'close()', dialled.close())
    await pair.disconnected()
  })

  it('ends at once when it is aborted meanwhile', async () => {
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    const { dialled } = await pair.connect(proxy.address())
    const { near } = await openBoth(dialled, accepted)
    proxy.freeze()
    near.stream.send(randomBody(MIB))
    const closed = dialled.close({ signal: AbortSignal.timeout(60_000) }).catch((error: Error) => error)
    dialled.abort(new Error('enough'))
    await within(PROMPT, 'close()', closed)
    expect(dialled.status).toBe('aborted')
  })

  it('ends in time when the peer does not read', async () => {
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    const { dialled } = await pair.connect(proxy.address())
    const streams = await Promise.all(Array.from({ length: 40 }, async () => open(dialled)))
    proxy.freeze()
    for (const { stream } of streams) stream.send(randomBody(MIB))
    const closed = dialled.close().catch((error: Error) => error)
    expect(await within(CLOSE_TIMEOUT + PROMPT, 'close()', closed)).toBeInstanceOf(Error)
  })

  it('does not wait forever for a peer that has gone silent', async () => {
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    const { dialled } = await pair.connect(proxy.address())
    proxy.freeze()
    await within(PROMPT, 'close()', dialled.close({ signal: AbortSignal.timeout(60_000) }))
    expect(dialled.status).toBe('closed')
  })

  it('what is sent before abort() may be lost, but nothing hangs', async () => {
    const { dialled, accepted: other } = await pair.connect()
    const { near, far } = await openBoth(dialled, accepted)
    for (let i = 0; i < 16; i += 1) near.stream.send(randomBody(MIB))
    await until(
      'some of it arrives',
      () => far.length,
      length => length > 0
    )
    dialled.abort(new Error('enough'))
    expect(dialled.status).toBe('aborted')
    await pair.disconnected()
    expect(other.status).not.toBe('open')
    expect(far.finished).toBe(false)
    expect([near.stream.status, far.stream.status]).not.toContain('open')
  })
})

describe.each(OWN_WAYS)('closing TLS, $dialler to $listener, between two of ours', ways => {
  it('twice, and by both at once, is once', async () => {
    await using pair = await TlsPair.create(ways)
    const accepted = await acceptAll(pair.listener)
    const { dialled, accepted: other } = await pair.connect()
    await openBoth(dialled, accepted)
    await within(PROMPT, 'close()', Promise.all([dialled.close(), dialled.close(), other.close(), other.close()]))
    expect([dialled.status, other.status]).toEqual(['closed', 'closed'])
    await dialled.close()
    await pair.disconnected()
  })

  it('while the peer sends: what the closing side sent arrives', async () => {
    await using pair = await TlsPair.create(ways)
    const accepted = await acceptAll(pair.listener)
    const { dialled } = await pair.connect()
    const { near, far } = await openBoth(dialled, accepted)
    const sending = sendForever(far.stream, randomBody(65_536))
    const body = randomBody(4 * MIB)
    await sendAll(near.stream, [body])
    await near.stream.close()
    await dialled.close()
    expect(await far.all()).toEqual(digestOf(body))
    await within(PROMPT, 'sending fails', sending)
  })

  it.each(['resetAndDestroy', 'end'] as const)("a %s() of the peer's socket in the midst ends all", async how => {
    await using pair = await TlsPair.create(ways)
    const accepted = await acceptAll(pair.listener)
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    const { dialled, accepted: other } = await pair.connect(proxy.address())
    const { near, far } = await openBoth(dialled, accepted)
    const sending = [sendForever(near.stream, randomBody(65_536)), sendForever(far.stream, randomBody(65_536))]
    await until(
      'bytes flow both ways',
      () => Math.min(near.length, far.length),
      length => length > MIB
    )
    for (const socket of proxy.sockets()) socket[how]()
    await within(PROMPT, 'sending ends', Promise.all(sending))
    await pair.disconnected()
    expect([dialled.status, other.status]).not.toContain('open')
    expect([near.stream.status, far.stream.status]).not.toContain('open')
    // Nobody takes a stream for whole that was cut off.
    expect([near.finished, far.finished]).toEqual([false, false])
  })
})
