import { expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import { bytes, randomBody, same, text } from './bytes.ts'
import { diallingHost } from './hosts.ts'
import { overEveryLink, send, serve } from './links.ts'
import { allStreamsClosed, openStreams } from './streams.ts'

/** Streams that Go admits from each peer and protocol. */
const ADMITTED = 75
/** Open streams above which Go PointSub v1.1.7 answers an EOF. */
const MOST_OPEN = 1_024
/** QUIC takes no more than 256 streams of each. */
const LEAKING_CLIENTS = 8

overEveryLink(link => {
  test('no call is lost when Go ends a stream after its 10,000 requests', { timeout: 90_000 }, async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRequestsPerStream: 1_000_000 })
    const counts: number[] = []
    for (let i = 0; i < 10_005; i++) counts.push(Number(text(await client.send(go.address, '/count/1.0.0', bytes('')))))
    expect(Math.max(...counts)).toBe(10_000)
    expect(counts.slice(-5)).toEqual([1, 2, 3, 4, 5])
    expect(await go.first('stream')).toMatchObject({ requests: 10_000, reason: 'max-requests' })
  })

  test('no call is lost when Go ends its streams at numbers that our client does not expect', async () => {
    await using go = await serve(link, { 'max-requests': 37 })
    await using host = await diallingHost(link)
    await using client = new Client(host, { retryInterval: 1 })
    const worker = async (): Promise<number[]> => {
      const counts: number[] = []
      for (let i = 0; i < 100; i++) counts.push(Number(text(await client.send(go.address, '/count/1.0.0', bytes('')))))
      return counts
    }
    const counts = (await Promise.all(Array.from({ length: 8 }, worker))).flat()
    expect(counts).toHaveLength(800)
    expect(Math.max(...counts)).toBe(37)
  })

  test('no call is lost when our client opens more streams than Go admits', async () => {
    await using go = await serve(link, { 'max-inbound': ADMITTED })
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxStreamsPerPeer: ADMITTED + 20 })
    const requests = Array.from({ length: 1_000 }, (_, i) => randomBody(i))
    const answers = await Promise.all(requests.map(request => client.send(go.address, '/echo/1.0.0', request)))
    expect(requests.filter((request, i) => !same(request, answers[i] ?? new Uint8Array(1)))).toEqual([])
    expect(openStreams(host, '/echo/1.0.0').length).toBeLessThanOrEqual(ADMITTED)
  })

  test('a server with 1,024 open streams answers an EOF, and serves us when some have gone', async () => {
    await using go = await serve(link, { 'max-inbound': 0, 'max-open': MOST_OPEN })
    const count = MOST_OPEN / LEAKING_CLIENTS
    const leaking = Array.from({ length: LEAKING_CLIENTS }, () =>
      send(link, go, '/echo/1.0.0', { mode: 'leak', count, concurrency: 16, hold: true })
    )
    for (const one of leaking) expect(await one.first('done')).toMatchObject({ ok: count, failed: 0 })

    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    await expect(client.send(go.address, '/upper/1.0.0', bytes('is there room?'))).rejects.toMatchObject({
      code: 'ERR_NO_RESPONSE'
    })
    expect(await go.first('stream')).toMatchObject({ requests: 0, reason: 'full' })
    await allStreamsClosed(host, '/upper/1.0.0')

    await Promise.all(leaking.map(one => one.stop()))
    await go.until('stream', lines => lines.length > MOST_OPEN)
    expect(text(await client.send(go.address, '/upper/1.0.0', bytes('is there room?')))).toBe('IS THERE ROOM?')
  })

  test('slow and failing handlers of Go hit only their own calls', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    const outcomes = await Promise.all(
      Array.from({ length: 120 }, async (_, i) => {
        const protocol = ['/slow/1.0.0', '/fail/1.0.0', '/echo/1.0.0'][i % 3] ?? ''
        const answer = client.send(go.address, protocol, bytes(String(i)))
        return answer.then(text, (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error))
      })
    )
    expect(outcomes).toEqual(outcomes.map((_, i) => (i % 3 === 1 ? 'ERR_NO_RESPONSE' : String(i))))
  })
})
