import { expect, test } from 'vitest'
import { Server } from '../src/index.ts'
import { MIB } from './bytes.ts'
import { listeningHost } from './hosts.ts'
import { overEveryLink, send } from './links.ts'
import type { Flags } from './peer.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/echo/1.0.0'
/** Streams that Go opens to each peer and protocol. */
const OPENED = 151

overEveryLink(link => {
  test('a Go client that leaks its streams uses up the 151 that it may have, and stops nobody else', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { idleTimeout: 500 })
    await server.start(ECHO, request => request)
    const leak: Flags = { mode: 'leak', count: 200, concurrency: 8, 'max-outbound': OPENED, hold: true }
    await using go = send(link, host, ECHO, leak)
    expect(await go.first('done')).toMatchObject({ ok: OPENED, failed: 200 - OPENED })
    // Go counts what it leaked, also when our side has long ended it.
    await allStreamsClosed(host, ECHO)
    await using next = send(link, host, ECHO, leak)
    expect(await next.first('done')).toMatchObject({ ok: OPENED })
  })

  test('our server ends a stream after 10,000 requests, as Go does', { timeout: 90_000 }, async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, { count: 10_005, size: 32, quiet: true, hold: true })
    expect(await go.first('done')).toMatchObject({ ok: 10_004, failed: 1 })
    expect(go.lines('error')).toEqual([{ event: 'error', i: 10_000, error: expect.stringMatching(/EOF|reset/) }])
    await allStreamsClosed(host, ECHO)
  })

  test('our server ends a stream that is idle for too long, as Go does', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host, { idleTimeout: 100 })
    await server.start(ECHO, request => request)
    await using go = send(link, host, ECHO, { count: 3, size: 32, 'pause-ms': 500, hold: true })
    expect(await go.first('done')).toMatchObject({ ok: 2, failed: 1 })
    expect(go.lines('error')).toEqual([{ event: 'error', i: 1, error: expect.stringContaining('EOF') }])
    await allStreamsClosed(host, ECHO)
  })

  test('an answer larger than a Go client reads fails there, and our server goes on', async () => {
    await using host = await listeningHost(link)
    // Go takes no more of it and does not say so.
    await using server = new Server(host, { writeTimeout: 1_000 })
    await server.start(ECHO, ([size = 0]) => new Uint8Array(size * MIB))
    await using go = send(link, host, ECHO, { body: String.fromCodePoint(9), hold: true })
    expect((await go.first('error')).error).toMatch(/too large/i)
    await using next = send(link, host, ECHO, { body: String.fromCodePoint(8), hold: true })
    expect(await next.first('answer')).toMatchObject({ len: 8 * MIB })
    await allStreamsClosed(host, ECHO)
  })

  test.each(['many', 'one', 'leak'])(
    'slow and failing handlers of ours hit only their own requests, %s',
    async mode => {
      await using host = await listeningHost(link)
      await using server = new Server(host)
      let turn = 0
      await server.start(ECHO, async request => {
        const mine = turn++ % 4
        if (mine === 0) throw new Error('every fourth one')
        if (mine === 1) await new Promise(resolve => setTimeout(resolve, 30))
        return request
      })
      await using go = send(link, host, ECHO, { mode, count: 120, concurrency: 12, size: 100, hold: true })
      expect(await go.first('done')).toMatchObject({ ok: 90, failed: 30 })
      expect(new Set(go.lines('error').map(({ error }) => error.slice(0, 3)))).toEqual(new Set(['EOF']))
      expect(go.lines('answer').every(({ echo }) => echo)).toBe(true)
    }
  )
})
