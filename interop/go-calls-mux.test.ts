import { expect, test } from 'vitest'
import { type Handler, PointSubError, Server } from '../src/index.ts'
import { turn, until } from '../test/support/until.ts'
import { bytes, KIB, MIB, randomBody, text } from './bytes.ts'
import { type Host, listeningHost } from './hosts.ts'
import type { LineOf } from './lines.ts'
import { type Link, muxSend, overEveryMuxLink, overOneMuxLink } from './links.ts'
import type { Flags, WirePeer } from './peer.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/echo/1.0.0'
const ECHO_MUX = '/echo/1.0.0/mux/1'

const echo: Handler = (request, { metadata, responseMetadata }) => {
  Object.assign(responseMetadata, metadata)
  return request
}

/** A Go client's run, to its end. */
async function called(link: Link, host: Host, protocol: string, flags: Flags): Promise<WirePeer> {
  const go = muxSend(link, host, protocol, flags)
  await go.first('done')
  return go
}

const errorOf = (go: WirePeer): Promise<LineOf<'error'>> => go.first('error')

overEveryMuxLink(link => {
  test('our server echoes 0 B to 32 MiB to a Go client, compressed and not', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, echo)
    const sizes = [0, 1, 300, 64 * KIB, 256 * KIB, 256 * KIB + 1, MIB, 32 * MIB]
    await using all = await called(link, host, ECHO, { size: sizes.join(','), count: sizes.length })
    expect(all.lines('answer')).toMatchObject(sizes.map(len => ({ echo: true, len })))
    await using go = await called(link, host, ECHO, { size: 8 * MIB, compressible: true, count: 2 })
    expect(go.lines('answer')).toMatchObject([{ echo: true }, { echo: true }])
    const { received, sent } = await go.first('done')
    expect(Math.max(received ?? Infinity, sent ?? Infinity)).toBeLessThan(MIB)
    await allStreamsClosed(host, ECHO_MUX)
  })

  test('200 requests at once are answered in another order, each with its own answer', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    const waiting: (() => void)[] = []
    await server.start(ECHO, async request => {
      const answered = new Promise<void>(resolve => waiting.push(resolve))
      // From time to time one in the middle may go on.
      if (waiting.length % 3 === 0) waiting.splice(waiting.length >> 1, 1)[0]?.()
      void turn().then(() => waiting.splice(waiting.length >> 1, 1)[0]?.())
      await answered
      return request
    })
    await using go = await called(link, host, ECHO, { count: 200, concurrency: 200, size: 100 })
    expect(go.lines('answer').map(({ echo: same }) => same)).toEqual(Array(200).fill(true))
    const order = go.lines('answer').map(({ i }) => i)
    expect(order).not.toEqual(order.toSorted((one, other) => one - other))
    expect(await go.first('done')).toMatchObject({ ok: 200, sessions: 1 })
  })
})

overOneMuxLink(link => {
  test('an error that our handler throws arrives at Go with all it says, any other as ERR_REMOTE', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start('/tea/1.0.0', () => {
      const details = { shop: 'closed', 'kind.of': 'Grüner' }
      throw new PointSubError('ERR_OUT_OF_TEA', 'kein Tee für dich', { retryable: true, retryAfter: 1_500, details })
    })
    await server.start('/secret/1.0.0', () => {
      throw new Error('the password is swordfish')
    })
    await using tea = await called(link, host, '/tea/1.0.0', { body: 'please' })
    expect(await errorOf(tea)).toMatchObject({
      code: 'ERR_OUT_OF_TEA',
      message: 'kein Tee für dich',
      retryable: true,
      unprocessed: false,
      retryAfter: 1_500,
      details: { shop: 'closed', 'kind.of': 'Grüner' }
    })
    await using secret = await called(link, host, '/secret/1.0.0', { body: 'please' })
    const { code, error, unprocessed } = await errorOf(secret)
    expect({ code, unprocessed }).toEqual({ code: 'ERR_REMOTE', unprocessed: false })
    expect(error).not.toContain('swordfish')
  })

  test('a Go client that gives up, or whose deadline is over, is noticed by our handler', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    let stopped = 0
    await server.start('/hold/1.0.0', async (_, { signal }) => {
      await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
      stopped += 1
      return new Uint8Array()
    })
    await using cancels = await called(link, host, '/hold/1.0.0', {
      size: 10,
      count: 3,
      concurrency: 3,
      'cancel-ms': 200
    })
    expect(await cancels.first('done')).toMatchObject({ failed: 3, sessions: 1 })
    await until(
      'the handlers stop',
      () => stopped,
      count => count === 3
    )
    await using large = await called(link, host, '/hold/1.0.0', { size: MIB, 'cancel-ms': 500 })
    expect(await large.first('done')).toMatchObject({ failed: 1, sessions: 1 })
    await until(
      'the handler stops',
      () => stopped,
      count => count === 4
    )
    await using late = await called(link, host, '/hold/1.0.0', { size: 10, 'timeout-ms': 300 })
    expect(await late.first('done')).toMatchObject({ failed: 1 })
    await until(
      'the handler stops',
      () => stopped,
      count => count === 5
    )
  })

  test('a server of ours that stops answers what it has taken, and a Go client loses nothing', async () => {
    await using host = await listeningHost(link)
    const server = new Server(host)
    const released = Promise.withResolvers<void>()
    let seen = 0
    await server.start(ECHO, async request => {
      seen += 1
      await released.promise
      return request
    })
    await using go = muxSend(link, host, ECHO, { count: 20, concurrency: 20, size: 100 })
    await until(
      'the requests are being handled',
      () => seen,
      count => count === 20
    )
    const stopped = server.stop({ grace: 10_000 })
    released.resolve()
    await stopped
    expect(await go.first('done')).toMatchObject({ ok: 20, failed: 0, sessions: 1 })
    await allStreamsClosed(host, ECHO_MUX)
  })

  test('metadata comes in and goes back, beside small and large bodies', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, echo)
    for (const size of [5, MIB]) {
      await using go = await called(link, host, ECHO, { size, metadata: 'trace=00-4bf9,user.name=Zoë 🦆,empty=' })
      expect(await go.first('answer')).toMatchObject({
        echo: true,
        metadata: { trace: '00-4bf9', 'user.name': 'Zoë 🦆', empty: '' }
      })
    }
  })

  test('a session that has served its share is replaced, and no request runs twice', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { maxRequestsPerConn: 20 })
    const seen: string[] = []
    await server.start(ECHO, request => {
      seen.push(Buffer.from(request).toString('hex'))
      return request
    })
    await using go = await called(link, host, ECHO, { count: 100, concurrency: 8, size: 20 })
    expect(await go.first('done')).toMatchObject({ ok: 100, failed: 0 })
    expect((await go.first('done')).sessions).toBeGreaterThanOrEqual(5)
    expect(new Set(seen).size).toBe(100)
    expect(seen).toHaveLength(100)
    await allStreamsClosed(host, ECHO_MUX)
  })

  test('an idle session ends with a GOAWAY, and the next call has a new one', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { idleTimeout: 200 })
    await server.start(ECHO, echo)
    await using go = await called(link, host, ECHO, { size: 10, hold: true })
    await allStreamsClosed(host, ECHO_MUX)
    expect(await go.first('done')).toMatchObject({ ok: 1 })
  })

  test('a ping is answered, with and without requests in flight', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, echo)
    await using go = await called(link, host, ECHO, { size: 10, ping: true })
    expect((await go.first('pong')).ms).toBeLessThan(5_000)
    expect(await go.first('done')).toMatchObject({ ok: 1, sessions: 1 })
  })

  test('small requests pass by four large bodies in each direction', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    let large = 0
    await server.start(ECHO, request => {
      if (request.byteLength > MIB) large += 1
      // How many large ones have come before it.
      return request.byteLength > 0 ? request : bytes(String(large))
    })
    await using go = await called(link, host, ECHO, { size: 0, count: 10, large: 4, 'large-size': 16 * MIB })
    expect(go.lines('answer').map(({ body }) => body)).toEqual(Array(10).fill('0'))
    expect(await go.first('done')).toMatchObject({ ok: 10, failed: 0, sessions: 1 })
    expect(large).toBe(4)
  })

  test('our limits hold: size, requests in flight, and credit for a Go client that has little', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { maxBlockSize: MIB, maxConcurrentRequestsPerConn: 3 })
    let running = 0
    let most = 0
    await server.start(ECHO, async request => {
      running += 1
      most = Math.max(most, running)
      await turn()
      running -= 1
      return request
    })
    await server.start('/large/1.0.0', request => randomBody(Number(text(request))))
    await using tooLarge = await called(link, host, ECHO, { size: MIB + 1 })
    expect(await errorOf(tooLarge)).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', unprocessed: true })
    await using answer = await called(link, host, '/large/1.0.0', { body: String(MIB), largest: 300 * KIB })
    expect(await errorOf(answer)).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', unprocessed: false })
    await using poor = await called(link, host, ECHO, { size: MIB, credit: 1_000 })
    expect(await poor.first('answer')).toMatchObject({ echo: true })
    await using many = await called(link, host, ECHO, { size: 10, count: 30, concurrency: 10, ping: true })
    expect(await many.first('done')).toMatchObject({ ok: 30, failed: 0 })
    expect(most).toBeLessThanOrEqual(3)
  })
})
