import { describe, expect, it } from 'vitest'
import { Client, type Handler } from '../../../src/index.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { HostPair } from '../../support/hosts.ts'
import { handleMux, type RawMuxServer } from '../../support/raw-mux.ts'
import { Gate, PROTOCOL, repeat, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'

const HELLO = bytesOf('hello')
const BODY = randomBody(300 * KIB)

describe('stop({ grace })', () => {
  it('answers all of 500 requests in flight, small and large, and refuses later ones unseen', async () => {
    const gate = new Gate()
    const handler: Handler = async (request, context) => {
      await gate.handler(request, context)
      return request[0] === 1 ? BODY : request
    }
    const clientOptions = { enableCompression: false }
    await using rpc = await Rpc.create({ wire: 'mux', handler, clientOptions })
    // Of every ten one is large as a request, one as an answer; the others are small.
    const requests = Array.from({ length: 500 }, (_, index) => {
      if (index % 10 === 0) return new Uint8Array(257 * KIB).fill(2)
      return index % 10 === 1 ? Uint8Array.of(1) : bytesOf(`call ${index}`)
    })
    const calls = requests.map(request => rpc.send(request))
    await gate.reached(500)
    const stopped = rpc.server.stop({ grace: 20_000 })
    const later = await Promise.all(Array.from({ length: 20 }, () => failureOf(rpc.send(HELLO))))
    for (const error of later) {
      expect(['ERR_PROTOCOL_UNSUPPORTED', 'ERR_SERVER_CLOSED']).toContain(error.code)
      expect(error.sent).toBe(false)
    }
    gate.open()
    const answers = await Promise.all(calls)
    for (const [index, answer] of answers.entries()) {
      expect(sameBytes(answer, index % 10 === 1 ? BODY : (requests[index] ?? HELLO))).toBe(true)
    }
    await within(5_000, 'stop() resolves when all are answered', stopped)
    expect(gate.entered).toBe(500)
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 500, failedRequests: 0, activeRequests: 0 })
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('tells callers of requests it does not wait for any more what became of them', async () => {
    const aborted: unknown[] = []
    let entered = 0
    const handler: Handler = (_, { signal }) => {
      entered += 1
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      return new Promise(() => {})
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    const calls = Array.from({ length: 50 }, () => failureOf(rpc.send(HELLO)))
    await until(
      'handlers',
      () => entered,
      count => count === 50
    )
    await within(5_000, 'stop()', rpc.server.stop({ grace: 50 }))
    for (const error of await Promise.all(calls)) {
      // They had begun: the request may have been processed.
      expect(error).toMatchObject({ code: 'ERR_SERVER_CLOSED', sent: true, remote: true, retryable: true })
    }
    expect(aborted).toHaveLength(50)
    await rpc.client.close()
    await until(
      'nothing is left',
      () => [rpc.openStreams, rpc.servedStreams],
      streams => streams.every(count => count === 0)
    )
  })
})

describe('a session that is replaced', () => {
  it.each([2, 9, 50])('after %i requests costs no call, at 64 concurrent ones without a retry', async max => {
    const ran = new Map<string, number>()
    const handler: Handler = async request => {
      ran.set(textOf(request), (ran.get(textOf(request)) ?? 0) + 1)
      await new Promise(resolve => setImmediate(resolve))
      return request
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler, serverOptions: { maxRequestsPerConn: max } })
    const texts = Array.from({ length: 200 }, (_, index) => `call ${index}`)
    await repeat(texts.length, 64, async index => {
      const text = texts[index] ?? ''
      expect(textOf(await rpc.send(bytesOf(text)))).toBe(text)
    })
    expect(ran).toEqual(new Map(texts.map(text => [text, 1])))
    expect(rpc.server.getMetrics().totalConnections).toBeGreaterThanOrEqual(200 / max)
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('by a server whose idleTimeout is over costs no call, whenever it comes', async () => {
    await using rpc = await Rpc.create({ wire: 'mux', serverOptions: { idleTimeout: 30 } })
    for (let round = 0; round < 30; round += 1) {
      const text = `round ${round}`
      expect(textOf(await rpc.send(bytesOf(text)))).toBe(text)
      await new Promise(resolve => setTimeout(resolve, 20 + round))
    }
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 30, failedRequests: 0 })
    expect(rpc.server.getMetrics().totalConnections).toBeGreaterThan(1)
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('while a body is on its way goes on until that has arrived', async () => {
    const body = randomBody(2 * MIB)
    const serverOptions = { maxRequestsPerConn: 2 }
    await using rpc = await Rpc.create({ wire: 'mux', serverOptions, clientOptions: { enableCompression: false } })
    const calls = Array.from({ length: 6 }, () => rpc.send(body))
    for (const answer of await Promise.all(calls)) expect(sameBytes(answer, body)).toBe(true)
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

it('requests of which nothing has left when the peer takes no more go to another session at once', async () => {
  await using pair = await HostPair.create()
  await using client = new Client(pair.client, { wire: 'mux', maxRetries: 0, enableCompression: false })
  const sessions: RawMuxServer[] = []
  // Room for the first pieces of two of them.
  await handleMux(pair.server, { settings: { credit: 2 * 32 * KIB } }, session => void sessions.push(session))
  const calls = Array.from({ length: 4 }, () => failureOf(client.send(pair.address, PROTOCOL, BODY)))
  const begun = async (index: number, count: number): Promise<number[]> => {
    const data = await sessions[index]?.data
    const ids = (): number[] =>
      data?.frames.filter(({ type }) => type === 'request').map(frame => ('id' in frame ? frame.id : 0)) ?? []
    return until('requests come', ids, ({ length }) => length >= count)
  }
  await until(
    'the session',
    () => sessions.length,
    count => count === 1
  )
  expect(await begun(0, 2)).toEqual([1, 2])
  sessions[0]?.control.send({ type: 'goaway', reason: 0 })
  await until(
    'another session',
    () => sessions.length,
    count => count === 2
  )
  expect(await begun(1, 2)).toEqual([1, 2])
  expect(await begun(0, 2)).toEqual([1, 2])
  await client.close()
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: true })
})

describe('a server that is killed', () => {
  it.each([
    ['its host stops', 'stop' as const],
    ['its connection is cut', 'cut' as const]
  ])('when %s: calls in flight may have been processed, waiting ones have not', async (_, how) => {
    const gate = new Gate()
    const serverOptions = { maxConcurrentRequestsPerConn: 10 }
    await using rpc = await Rpc.create({ wire: 'mux', handler: gate.handler, serverOptions })
    const first = rpc.send(HELLO)
    await gate.reached(1)
    gate.open()
    await first
    const calls = Array.from({ length: 30 }, () => failureOf(rpc.send(HELLO)))
    await gate.reached(11)
    if (how === 'stop') await rpc.pair.server.stop()
    else rpc.pair.client.getConnections()[0]?.abort(new Error('cut'))
    const errors = await within(5_000, 'the calls fail', Promise.all(calls))
    expect(errors.map(({ sent }) => sent)).toEqual(calls.map((__, index) => index < 10))
    for (const { code } of errors) expect(['ERR_CONNECTION_LOST', 'ERR_STREAM_RESET']).toContain(code)
    expect(gate.entered).toBe(11)
    gate.open()
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})
