import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { Client, type PointSubError } from '../src/index.ts'
import { within } from '../test/support/until.ts'
import { bytes, KIB, MIB, randomBody, same, text } from './bytes.ts'
import { diallingHost } from './hosts.ts'
import { overEveryMuxLink, overOneMuxLink, serve } from './links.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/echo/1.0.0'
const ECHO_MUX = '/echo/1.0.0/mux/1'
const HOLD = '/hold/1.0.0'
const MUX = { wire: 'mux' }

const failureOf = (call: Promise<unknown>): Promise<PointSubError> =>
  call.then(
    () => expect.unreachable('the call should have failed'),
    (error: PointSubError) => error
  )

/** The body of a request that compression makes much smaller. */
const words = (length: number): Uint8Array => bytes('all the same '.repeat(length / 13 + 1)).subarray(0, length)

overEveryMuxLink(link => {
  test('our client gets 0 B to 32 MiB echoed, on one session', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    const client = new Client(host)
    const sizes = [0, 1, 300, 64 * KIB, 256 * KIB, 256 * KIB + 1, MIB, 32 * MIB]
    for (const size of sizes) {
      const request = randomBody(size)
      expect(same(await client.send(go.address, ECHO, request), request), `${size} bytes`).toBe(true)
    }
    expect(client.getConnectionsInfo().map(({ wire }) => wire)).toEqual(['mux'])

    await client.close()

    await allStreamsClosed(host, ECHO_MUX)
    expect(await go.first('session')).toMatchObject({ requests: sizes.length, reason: 'end' })
  })

  test('200 calls at once are answered in another order, each with its own answer', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    const order: string[] = []
    const requests = Array.from({ length: 200 }, () => String(randomInt(200)).padStart(3 + randomInt(5), '0'))
    const answers = await Promise.all(
      requests.map(async request => {
        const answer = text(await client.send(go.address, '/slow/1.0.0', bytes(request)))
        order.push(answer)
        return answer
      })
    )
    expect(answers).toEqual(requests)
    expect(order).not.toEqual(requests)
    expect(client.getConnectionsInfo()).toHaveLength(1)
  })
})

overOneMuxLink(link => {
  test('an error of a Go handler arrives with all it says, and another one as ERR_REMOTE', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    const metadata = {
      code: 'ERR_OUT_OF_TEA',
      retryable: 'true',
      'retry-after': '1500',
      shop: 'closed',
      'kind.of': 'Grüner'
    }
    const failed = await failureOf(client.send(go.address, '/fail/1.0.0', bytes('kein Tee für dich'), { metadata }))
    expect(failed).toMatchObject({
      code: 'ERR_OUT_OF_TEA',
      message: 'kein Tee für dich',
      remote: true,
      sent: true,
      retryable: true,
      retryAfter: 1_500,
      details: { shop: 'closed', 'kind.of': 'Grüner' }
    })
    const secret = await failureOf(client.send(go.address, '/fail/1.0.0', bytes('')))
    expect(secret).toMatchObject({ code: 'ERR_REMOTE', remote: true, sent: true })
    expect(text(await client.send(go.address, '/upper/1.0.0', bytes('still here')))).toBe('STILL HERE')
  })

  test('a call that is given up is cancelled at the Go handler, and its deadline is known there', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    for (const [i, request] of [bytes('small'), randomBody(MIB)].entries()) {
      const controller = new AbortController()
      const call = failureOf(client.send(go.address, HOLD, request, { signal: controller.signal }))
      await go.until('call', lines => lines.filter(({ begun }) => begun).length === i + 1)
      controller.abort()
      expect(await call).toMatchObject({ code: 'ERR_ABORTED', sent: true })
      const ended = await go.until('call', lines => lines.filter(({ begun }) => !begun).length === i + 1)
      expect(ended.at(-1)?.end).toBe('the client needs no answer any more')
    }
    const left = Number(text(await client.send(go.address, '/deadline/1.0.0', bytes(''), { timeout: 9_000 })))
    expect(left).toBeGreaterThan(1_000)
    expect(left).toBeLessThanOrEqual(9_000)
    const late = client.send(go.address, '/slow/1.0.0', bytes('20000'), { timeout: 200 })
    expect(await failureOf(late)).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  test('a Go server that goes away answers what it has, and takes no more', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    await client.send(go.address, '/slow/1.0.0', bytes('0'))
    const calls = ['300', '301', '302'].map(request => client.send(go.address, '/slow/1.0.0', bytes(request)))
    // Sent behind the others, so Go has them when it answers this.
    await client.send(go.address, '/slow/1.0.0', bytes('1'))
    go.tell()
    expect((await Promise.all(calls)).map(text)).toEqual(['300', '301', '302'])
    await within(10_000, 'Go has drained', go.first('drained'))
    expect(await go.first('session')).toMatchObject({ requests: 5, reason: 'end' })
    const refused = await failureOf(client.send(go.address, '/slow/1.0.0', bytes('0')))
    expect(refused).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
  })

  test('either side reads what the other compresses, small and large', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    const client = new Client(host)
    const sizes = [16 * KIB, MIB, 32 * MIB]
    for (const size of sizes) {
      expect(same(await client.send(go.address, ECHO, words(size)), words(size)), `${size} bytes`).toBe(true)
    }
    await client.close()
    const { received, sent } = await go.first('session')
    expect(received).toBeLessThan(MIB)
    expect(sent).toBeLessThan(MIB)
  })

  test('with compression turned off on either side large bodies arrive all the same', async () => {
    await using go = await serve(link, { ...MUX, 'no-compression': true })
    await using host = await diallingHost(link)
    for (const enableCompression of [true, false]) {
      const client = new Client(host, { enableCompression })
      expect(same(await client.send(go.address, ECHO, words(2 * MIB)), words(2 * MIB))).toBe(true)
      await client.close()
    }
    const [small, large] = await go.until('session', lines => lines.length === 2)
    expect(small?.received).toBeLessThan(MIB)
    expect(large?.received).toBeGreaterThan(2 * MIB)
    expect(Math.min(small?.sent ?? 0, large?.sent ?? 0)).toBeGreaterThan(2 * MIB)
  })

  test('metadata goes there and back, beside small and large bodies', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    const metadata = { trace: '00-4bf9', 'user.name': 'Zoë 🦆', empty: '' }
    for (const size of [5, MIB]) {
      let came: unknown
      await client.send(go.address, ECHO, randomBody(size), { metadata, onMetadata: back => (came = back) })
      expect(came).toEqual(metadata)
    }
  })

  test('calls outlive a Go server that ends every session after 20 requests, and none runs twice', async () => {
    await using go = await serve(link, { ...MUX, 'max-requests': 20 })
    await using host = await diallingHost(link)
    const client = new Client(host, { retryInterval: 5, maxRetries: 20 })
    const requests = Array.from({ length: 100 }, (_, i) => bytes(`request ${i}`))
    const calls = (from: number, to: number): Promise<boolean[]> =>
      Promise.all(requests.slice(from, to).map(async it => same(await client.send(go.address, ECHO, it), it)))
    const inTurn = await calls(0, 1)
    for (let i = 1; i < 50; i++) inTurn.push(...(await calls(i, i + 1)))
    expect([...inTurn, ...(await calls(50, 100))]).toEqual(requests.map(() => true))
    await client.close()
    const sessions = await go.until('session', lines => lines.reduce((sum, line) => sum + line.requests, 0) >= 100)
    expect(sessions.map(({ reason }) => reason)).toEqual(sessions.map(() => 'end'))
    expect(sessions.reduce((sum, { requests: count }) => sum + count, 0)).toBe(100)
  })

  test('a Go peer answers our pings while its handler takes its time, and we answer its', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    const client = new Client(host, { readTimeout: 2_000, maxRetries: 0 })
    expect(text(await client.send(go.address, '/slow/1.0.0', bytes('1800')))).toBe('1800')
    expect(Number(text(await client.send(go.address, '/ping/1.0.0', bytes(''))))).toBeLessThan(5_000)
    await client.close()
    const sessions = await go.until('session', lines => lines.length === 2)
    expect(Math.max(...sessions.map(({ pings }) => pings))).toBeGreaterThan(0)
  })

  test('small calls pass by four large bodies in each direction', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    await client.send(go.address, ECHO, bytes('a session is there'))
    const request = randomBody(16 * MIB)
    let done = 0
    const bulk = Array.from({ length: 4 }, async () => {
      const answer = await client.send(go.address, ECHO, request)
      done += 1
      return same(answer, request)
    })
    for (let i = 0; i < 10; i++) await client.send(go.address, ECHO, bytes(`small ${i}`))
    expect(done).toBe(0)
    expect(await Promise.all(bulk)).toEqual([true, true, true, true])
  })

  test('the limits of either side hold', async () => {
    await using go = await serve(link, { ...MUX, largest: MIB, 'in-flight': 3, credit: 1_000 })
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0, maxBlockSize: 2 * MIB })
    const tooLarge = randomBody(MIB + 1)
    expect(await failureOf(client.send(go.address, ECHO, tooLarge))).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    const answer = client.send(go.address, '/bytes/1.0.0', bytes(String(3 * MIB)))
    expect(await failureOf(answer)).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', sent: true })
    const request = randomBody(MIB)
    expect(same(await client.send(go.address, ECHO, request), request)).toBe(true)
    await client.send(go.address, '/slow/1.0.0', bytes('0')) // Go's bound is known behind its HELLO
    const slow = Array.from({ length: 12 }, () => client.send(go.address, '/slow/1.0.0', bytes('20')))
    expect((await Promise.all(slow)).map(text)).toEqual(Array(12).fill('20'))
  })

  test('a Go peer that dies fails the calls it had', async () => {
    await using go = await serve(link, MUX)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    const call = failureOf(client.send(go.address, HOLD, bytes('for long')))
    await go.first('call')
    await go.kill()
    const codes = link.tellsResets ? /^ERR_(CONNECTION_LOST|STREAM_RESET)$/ : /^ERR_(CONNECTION_LOST|NO_RESPONSE)$/
    expect(await call).toMatchObject({ code: expect.stringMatching(codes), sent: true })
  })
})
