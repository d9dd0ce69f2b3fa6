import { expect, test } from 'vitest'
import { Server } from '../src/index.ts'
import { MIB, SIZES } from './bytes.ts'
import type { Line } from './lines.ts'
import { listeningHost } from './hosts.ts'
import { overEveryLink, send } from './links.ts'
import type { WirePeer } from './peer.ts'
import { until } from '../test/support/until.ts'
import { allStreamsClosed, openStreams } from './streams.ts'

const ECHO = '/echo/1.0.0'

/** What a Go client saw, once it is through. */
async function outcome(go: WirePeer): Promise<{
  ok: number
  failed: number
  errors: string[]
  echoes: boolean[]
}> {
  const { ok, failed } = await go.first('done')
  return {
    ok,
    failed,
    errors: go.lines('error').map(line => line.error),
    echoes: go.lines('answer').map(line => line.echo)
  }
}

const allEchoed = (count: number): Partial<Line> & object =>
  expect.objectContaining({
    ok: count,
    failed: 0,
    errors: [],
    echoes: Array(count).fill(true)
  })

overEveryLink(link => {
  for (const mode of ['many', 'one']) {
    test.each(SIZES)(`our server echoes %i bytes to a client of mode ${mode}`, async size => {
      await using host = await listeningHost(link)
      await using server = new Server(host)
      await server.start(ECHO, request => request)
      await using go = send(link, host, ECHO, {
        mode,
        size,
        count: 2,
        hold: true
      })
      expect(await outcome(go)).toEqual(allEchoed(2))
      await allStreamsClosed(host, ECHO)
    })
  }

  test('our server answers 512 requests on 64 streams of a Go client', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, {
      count: 512,
      concurrency: 64,
      size: 100,
      hold: true
    })
    expect(await outcome(go)).toEqual(allEchoed(512))
    await allStreamsClosed(host, ECHO)
  })

  test('our server answers 256 requests of a Go client that opens a stream for each, 64 at a time', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, {
      mode: 'one',
      count: 256,
      concurrency: 64,
      size: 100,
      hold: true
    })
    expect(await outcome(go)).toEqual(allEchoed(256))
    await allStreamsClosed(host, ECHO)
  })

  test('our server answers pipelined requests in order', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    let turn = 0
    await server.start(ECHO, async request => {
      // The first of a pair takes longer than the second.
      if (turn++ % 2 === 0) await new Promise(resolve => setImmediate(resolve))
      return request
    })
    await using go = send(link, host, ECHO, {
      count: 200,
      size: 2_000,
      pipeline: true,
      hold: true
    })
    expect(await outcome(go)).toEqual(allEchoed(200))
    await allStreamsClosed(host, ECHO)
  })

  test('a handler of ours that throws ends the stream without an answer, and the next request is served', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    let calls = 0
    await server.start(ECHO, request => {
      if (++calls === 2) throw new Error('not this one')
      return request
    })
    await using go = send(link, host, ECHO, { count: 3, size: 10, hold: true })
    const { ok, errors } = await outcome(go)
    expect(ok).toBe(2)
    expect(errors).toEqual([expect.stringContaining('EOF')])
    await allStreamsClosed(host, ECHO)
  })

  test('a protocol that our host does not serve is refused', async () => {
    await using host = await listeningHost(link)
    await using go = send(link, host, '/none/1.0.0', {
      body: 'anyone?',
      hold: true
    })
    expect(await outcome(go)).toMatchObject({ ok: 0, failed: 1 })
    await allStreamsClosed(host, '/none/1.0.0')
  })

  test('a request above our limit ends its stream, and our server goes on', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { maxBlockSize: MIB })
    await server.start(ECHO, request => request)
    await using tooLarge = send(link, host, ECHO, {
      size: 4 * MIB,
      'timeout-ms': 10_000,
      hold: true
    })
    const { failed, errors } = await outcome(tooLarge)
    expect(failed).toBe(1)
    expect(errors).toEqual([expect.stringMatching(/EOF|reset/)])
    await allStreamsClosed(host, ECHO)

    await using fits = send(link, host, ECHO, { size: MIB, hold: true })
    expect(await outcome(fits)).toEqual(allEchoed(1))
    await allStreamsClosed(host, ECHO)
  })

  test('our server answers 300 requests of a client that leaks its streams, and reaps them', {
    timeout: 40_000
  }, async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { idleTimeout: 1_000 })
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, {
      mode: 'leak',
      count: 300,
      concurrency: 16,
      size: 64,
      hold: true
    })
    expect(await outcome(go)).toEqual(allEchoed(300))
    // Go holds its ends until it is stopped: ours must go all the same.
    expect(host.getConnections()).toHaveLength(1)
    await allStreamsClosed(host, ECHO, 20_000)
    expect(host.getConnections()).toHaveLength(1)

    await using next = send(link, host, ECHO, { count: 3, size: 64 })
    expect(await outcome(next)).toEqual(allEchoed(3))
  })

  test('our server answers 3,000 requests of a client that leaks its streams, with few of them open', {
    timeout: 40_000
  }, async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, {
      mode: 'leak',
      count: 3_000,
      concurrency: 16,
      size: 64,
      quiet: true,
      hold: true
    })
    expect(await go.first('done')).toMatchObject({ ok: 3_000, failed: 0 })
    // Long before idleTimeout, a minute, and with none of them closed by Go.
    await until(
      'the streams left behind are reset',
      () => server.activeStreams,
      count => count <= 64
    )
    expect(server.getMetrics()).toMatchObject({ totalRequests: 3_000, failedRequests: 0, totalConnections: 3_000 })
  })

  test('a Go client that goes away in the middle leaves no stream behind', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    const { promise: aborted, resolve } = Promise.withResolvers<void>()
    const { promise: called, resolve: callStarted } = Promise.withResolvers<void>()
    await server.start(ECHO, async (request, { signal }) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      callStarted()
      await aborted
      return request
    })
    {
      await using go = send(link, host, ECHO, { size: 10, 'timeout-ms': 300 })
      await called
      expect(openStreams(host, ECHO)).toHaveLength(1)
      expect(await go.first('done')).toMatchObject({ failed: 1 })
    }
    await aborted
    await allStreamsClosed(host, ECHO)
  })
})
