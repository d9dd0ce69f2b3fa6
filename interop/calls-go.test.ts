import { expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import { bytes, GO_MAX_READ, randomBody, SIZES, same, text } from './bytes.ts'
import { diallingHost } from './hosts.ts'
import { overEveryLink, serve } from './links.ts'
import { allStreamsClosed, openStreams } from './streams.ts'

/** Streams a Go peer takes from one peer and protocol are 75; the client stays below. */
const MAX_STREAMS = 64

overEveryLink(link => {
  test.each(SIZES)('our client gets %i bytes echoed by a server that serves many requests a stream', async size => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const client = new Client(host)
    for (const request of [randomBody(size), randomBody(size)]) {
      const answer = await client.send(go.address, '/echo/1.0.0', request)
      expect(answer.byteLength).toBe(size)
      expect(same(answer, request)).toBe(true)
    }
    expect(openStreams(host, '/echo/1.0.0')).toHaveLength(1)

    await client.close()

    await allStreamsClosed(host, '/echo/1.0.0')
    const [stream] = await go.until('stream')
    expect(stream).toMatchObject({ requests: 2, reason: 'eof' })
  })

  test('our client makes 320 calls, 64 at a time, on a cold connection', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const client = new Client(host)
    const worker = async (): Promise<boolean[]> => {
      const echoed: boolean[] = []
      for (let i = 0; i < 5; i++) {
        const request = randomBody(100 + i)
        echoed.push(same(await client.send(go.address, '/echo/1.0.0', request), request))
      }
      return echoed
    }
    const echoed = (await Promise.all(Array.from({ length: 64 }, worker))).flat()
    expect(echoed).toHaveLength(320)
    expect(echoed.every(Boolean)).toBe(true)
    expect(openStreams(host, '/echo/1.0.0').length).toBeLessThanOrEqual(MAX_STREAMS)

    await client.close()

    await allStreamsClosed(host, '/echo/1.0.0')
    const ended = await go.until('stream', lines => lines.reduce((sum, line) => sum + line.requests, 0) >= 320)
    expect(ended.map(line => line.reason)).not.toContain('reset')
  })

  test('our client makes 300 calls at once with the streams Go allows', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const client = new Client(host)
    const requests = Array.from({ length: 300 }, () => randomBody(1_024))
    const answers = await Promise.all(requests.map(request => client.send(go.address, '/echo/1.0.0', request)))
    expect(answers.every((answer, i) => same(answer, requests[i] ?? answer.subarray(1)))).toBe(true)
    expect(openStreams(host, '/echo/1.0.0').length).toBeLessThanOrEqual(MAX_STREAMS)

    await client.close()

    await allStreamsClosed(host, '/echo/1.0.0')
  })

  test('a failing handler is ERR_NO_RESPONSE, and the next call works', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { retryInterval: 1 })
    await expect(client.send(go.address, '/fail/1.0.0', bytes('please'))).rejects.toMatchObject({
      code: 'ERR_NO_RESPONSE',
      sent: true,
      protocol: '/fail/1.0.0'
    })
    await allStreamsClosed(host, '/fail/1.0.0')
    expect(await go.first('stream')).toMatchObject({
      protocol: '/fail/1.0.0',
      reason: 'handler'
    })

    expect(text(await client.send(go.address, '/upper/1.0.0', bytes('still here')))).toBe('STILL HERE')
  })

  test('a protocol that Go does not serve is ERR_PROTOCOL_UNSUPPORTED', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    await expect(client.send(go.address, '/none/1.0.0', bytes('anyone?'))).rejects.toMatchObject({
      code: 'ERR_PROTOCOL_UNSUPPORTED',
      sent: false
    })
    await allStreamsClosed(host, '/none/1.0.0')

    expect(text(await client.send(go.address, '/upper/1.0.0', bytes('still here')))).toBe('STILL HERE')
  })

  test('a stream that Go ends for idleness is replaced for the next call', async () => {
    await using go = await serve(link, { 'idle-ms': 300 })
    await using host = await diallingHost(link)
    await using client = new Client(host)
    expect(text(await client.send(go.address, '/count/1.0.0', bytes('one')))).toBe('1')
    expect(await go.first('stream')).toMatchObject({
      reason: 'idle',
      requests: 1
    })
    await allStreamsClosed(host, '/count/1.0.0')

    expect(text(await client.send(go.address, '/count/1.0.0', bytes('two')))).toBe('1')
    expect(openStreams(host, '/count/1.0.0')).toHaveLength(1)
  })

  test('a call that meets the FIN of an idle stream ends, and says that it may have been processed', async () => {
    await using go = await serve(link, { 'idle-ms': 300 })
    await using host = await diallingHost(link)
    await using client = new Client(host)
    expect(text(await client.send(go.address, '/count/1.0.0', bytes('one')))).toBe('1')
    // Go says so before its FIN is here: the call may go out on a stream that is already dead.
    await go.until('stream')
    const outcome: unknown = await client
      .send(go.address, '/count/1.0.0', bytes('two'))
      .catch((error: unknown) => error)
    if (outcome instanceof Uint8Array) expect(text(outcome)).toBe('1')
    else expect(outcome).toMatchObject({ code: expect.stringMatching(/NO_RESPONSE|STREAM_RESET/), sent: true })
    expect(text(await client.send(go.address, '/count/1.0.0', bytes('three')))).toMatch(/^[12]$/)
  })

  test('30 calls in a row outlive a server that ends every stream after 5 requests', async () => {
    await using go = await serve(link, { 'max-requests': 5 })
    await using host = await diallingHost(link)
    const client = new Client(host, { maxRequestsPerStream: 5 })
    const counts: number[] = []
    for (let i = 0; i < 30; i++) {
      counts.push(Number(text(await client.send(go.address, '/count/1.0.0', bytes('count')))))
    }
    expect(counts).toHaveLength(30)
    expect(Math.max(...counts)).toBe(5)

    await client.close()

    await allStreamsClosed(host, '/count/1.0.0')
    const ended = await go.until('stream', lines => lines.reduce((sum, line) => sum + line.requests, 0) >= 30)
    expect(ended.filter(line => line.reason === 'max-requests').length).toBeGreaterThanOrEqual(5)
  })

  test('200 calls at once outlive a server that ends every stream after 5 requests', async () => {
    await using go = await serve(link, { 'max-requests': 5 })
    await using host = await diallingHost(link)
    const client = new Client(host, { maxRequestsPerStream: 5 })
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => client.send(go.address, '/count/1.0.0', bytes('count')))
    )
    expect(Math.max(...answers.map(answer => Number(text(answer))))).toBeLessThanOrEqual(5)

    await client.close()

    await allStreamsClosed(host, '/count/1.0.0')
  })

  test('a request larger than Go reads fails at once, and the next call works', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { retryInterval: 1 })
    const failure: unknown = await client
      .send(go.address, '/echo/1.0.0', randomBody(GO_MAX_READ + 1), {
        timeout: 20_000
      })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'PointSubError', sent: true })
    expect(failure).toHaveProperty('code', expect.stringMatching(/^ERR_(NO_RESPONSE|STREAM_RESET)$/))
    expect(await go.first('stream')).toMatchObject({
      reason: 'too-large',
      requests: 0
    })
    await allStreamsClosed(host, '/echo/1.0.0')

    expect(text(await client.send(go.address, '/echo/1.0.0', bytes('still here')))).toBe('still here')
  })

  test('a call that times out leaves no stream behind, and the next call works', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    await expect(client.send(go.address, '/slow/1.0.0', bytes('1500'), { timeout: 100 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT'
    })
    await allStreamsClosed(host, '/slow/1.0.0')

    expect(text(await client.send(go.address, '/slow/1.0.0', bytes('1')))).toBe('1')
  })

  test('calls aborted at any moment leave no stream behind, and the call after each works', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const client = new Client(host)
    for (let turns = 0; turns < 24; turns++) {
      const controller = new AbortController()
      const call = client.send(go.address, '/slow/1.0.0', bytes('1500'), { signal: controller.signal })
      const failure = call.catch((error: unknown) => error)
      await turnsOfTheEventLoop(turns)
      controller.abort()
      expect(await failure, `aborted after ${turns} turns`).toMatchObject({ code: 'ERR_ABORTED' })
      expect(text(await client.send(go.address, '/upper/1.0.0', bytes('next')))).toBe('NEXT')
    }
    await allStreamsClosed(host, '/slow/1.0.0')

    await client.close()

    await allStreamsClosed(host, '/upper/1.0.0')
  })

  test('a call that joins a protocol whose only other call was just aborted is not aborted with it', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    for (let turns = 0; turns < 24; turns++) {
      const controller = new AbortController()
      const aborted = client
        .send(go.address, '/upper/1.0.0', bytes('aborted'), { signal: controller.signal })
        .catch(() => {})
      await turnsOfTheEventLoop(turns)
      controller.abort()
      await aborted
      expect(text(await client.send(go.address, '/upper/1.0.0', bytes('next')))).toBe('NEXT')
    }
  })

  test('a call to a Go peer that dies meanwhile fails', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    const call = client.send(go.address, '/slow/1.0.0', bytes('60000'))
    const failure = call.catch((error: unknown) => error)
    // Sent after the other one, so Go has that one too when it answers this.
    expect(text(await client.send(go.address, '/slow/1.0.0', bytes('200')))).toBe('200')
    await go.kill()
    const codes = link.tellsResets ? /^ERR_(CONNECTION_LOST|STREAM_RESET)$/ : /^ERR_(CONNECTION_LOST|NO_RESPONSE)$/
    expect(await failure).toMatchObject({ code: expect.stringMatching(codes), sent: true })
    await allStreamsClosed(host, '/slow/1.0.0')
  })
})

async function turnsOfTheEventLoop(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve))
}
