import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { Client, type ClientOptions, type Handler, Server } from '../../../src/index.ts'
import { bytesOf, frameOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { handleRaw, onFrames } from '../../support/raw.ts'
import { echo, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { notNow, type PerWire, type WireOption, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const OTHER = '/other/1.0.0'

/** What a caller gets of {@link failing}. */
const FAILED: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_NOT_NOW' }

/** A handler that fails so often, then answers. */
function failing(times: number): { handler: Handler; calls: () => number } {
  let calls = 0
  const handler: Handler = request => {
    calls += 1
    if (calls <= times) throw notNow()
    return request
  }
  return { handler, calls: () => calls }
}

const QUICK: ClientOptions = { maxRetries: 3, retryInterval: 10 }

describe.each(WIRES)('a handler that fails twice, then answers, on the %s wire', wire => {
  it.each<[string, ClientOptions, boolean | undefined]>([
    ['by default', QUICK, undefined],
    ['with exponential backoff', { ...QUICK, retryBackoff: 'exponential' }, undefined],
    ['of a call that is idempotent, though the client says otherwise', { ...QUICK, idempotent: false }, true]
  ])('is asked three times %s', async (_, clientOptions, idempotent) => {
    const { handler, calls } = failing(2)
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    expect(textOf(await rpc.client.send(rpc.address, PROTOCOL, HELLO, { idempotent }))).toBe('hello')
    expect(calls()).toBe(3)
    expect(rpc.client.getMetrics()).toEqual({
      totalRequests: 1,
      failedRequests: 0,
      activeRequests: 0,
      retries: 2,
      bytesRead: 5,
      bytesWritten: 5
    })
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it.each<[string, ClientOptions, boolean | undefined]>([
    ['of a client that says so', { ...QUICK, idempotent: false }, undefined],
    ['of a call that says so', QUICK, false]
  ])('is asked once for a request that is not idempotent, %s', async (_, clientOptions, idempotent) => {
    const { handler, calls } = failing(2)
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    const error = await failureOf(rpc.client.send(rpc.address, PROTOCOL, HELLO, { idempotent }))
    expect(error).toMatchObject({ code: FAILED[wire], sent: true })
    expect(calls()).toBe(1)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('is not asked again without retries', async () => {
    const { handler, calls } = failing(1)
    await using rpc = await Rpc.create({ wire, handler, clientOptions: { maxRetries: 0 } })
    await failureOf(rpc.send(HELLO))
    expect(calls()).toBe(1)
  })
})

describe('a server that is down', () => {
  it.each<[WireOption, boolean]>([
    ['plain', true],
    ['mux', true],
    ['auto', false]
  ])('and comes back within the retries is found on the wire %s, idempotent: %s', async (wire, idempotent) => {
    const privateKey = await generateKeyPair('Ed25519')
    const first = await ourHost({ privateKey })
    const address = addressOf(first)
    await first.stop()
    await using caller = await ourHost()
    await using client = new Client(caller, {
      wire,
      maxRetries: 100,
      retryInterval: 50,
      retryBudget: 10_000,
      idempotent
    })
    const calls = Array.from({ length: 20 }, (_, index) => client.send(address, PROTOCOL, bytesOf(`call ${index}`)))
    await until(
      'calls are tried again',
      () => client.getMetrics().retries,
      retries => retries >= 40
    )
    const [listen = ''] = address.toString().split('/p2p/')
    // Served before it listens, for a call that finds nobody serving the protocol is final.
    await using second = await ourHost({ privateKey, listen: [listen], libp2p: { start: false } })
    await using server = new Server(second)
    await server.start(PROTOCOL, echo)
    await second.start()
    const answers = await within(20_000, 'the answers', Promise.all(calls))
    expect(answers.map(textOf)).toEqual(answers.map((_, index) => `call ${index}`))
  })

  it('fails after the retries, with the last failure and nothing sent', async () => {
    await using caller = await ourHost()
    const gone = await ourHost()
    const address = addressOf(gone)
    await gone.stop()
    await using client = new Client(caller, QUICK)
    expect(await failureOf(client.send(address, PROTOCOL, HELLO, { idempotent: false }))).toMatchObject({
      code: 'ERR_DIAL_FAILED',
      sent: false,
      peer: gone.peerId.toString()
    })
    expect(client.getMetrics()).toMatchObject({ retries: 3, failedRequests: 1 })
  })
})

/** Serves {@link OTHER} raw: the first streams as `first` does, later ones echo. */
async function spoiling(rpc: Rpc, times: number, first: (stream: Stream) => void): Promise<{ streams: () => number }> {
  let streams = 0
  await handleRaw(rpc.pair.server, OTHER, stream => {
    streams += 1
    stream.addEventListener('remoteCloseWrite', () => void stream.close())
    if (streams <= times) first(stream)
    else onFrames(stream, body => stream.send(frameOf(body)))
  })
  return { streams: () => streams }
}

describe('a stream that the peer resets', () => {
  const RESETS: [string, (stream: Stream) => void][] = [
    ['before the request', stream => stream.abort(new Error('no'))],
    ['after the request', stream => onFrames(stream, () => stream.abort(new Error('no')))],
    [
      'in the middle of the answer',
      stream =>
        onFrames(stream, () => {
          stream.send(frameOf(HELLO).subarray(0, 6))
          stream.abort(new Error('no'))
        })
    ]
  ]

  it.each(RESETS)('%s costs no call: it is tried again', async (_, reset) => {
    await using rpc = await Rpc.create({ clientOptions: QUICK })
    const { streams } = await spoiling(rpc, 2, reset)
    expect(textOf(await rpc.client.send(rpc.address, OTHER, HELLO))).toBe('hello')
    expect(streams()).toBeGreaterThanOrEqual(3)
  })

  it('after the request is not tried again unless that is idempotent', async () => {
    await using rpc = await Rpc.create({ clientOptions: QUICK })
    const { streams } = await spoiling(rpc, 2, stream => onFrames(stream, () => stream.abort(new Error('no'))))
    const error = await failureOf(rpc.client.send(rpc.address, OTHER, HELLO, { idempotent: false }))
    expect(error).toMatchObject({ code: 'ERR_STREAM_RESET', sent: true })
    expect(streams()).toBe(1)
  })

  it('never runs a handler twice for a request that is not idempotent, whatever fails', async () => {
    const seen = new Map<string, number>()
    await using rpc = await Rpc.create({ clientOptions: { ...QUICK, maxStreamsPerPeer: 8 } })
    await handleRaw(rpc.pair.server, OTHER, stream => {
      stream.addEventListener('remoteCloseWrite', () => void stream.close())
      let requests = 0
      onFrames(stream, body => {
        const text = textOf(body)
        seen.set(text, (seen.get(text) ?? 0) + 1)
        requests += 1
        if (requests % 5 === 0) stream.abort(new Error('no'))
        else stream.send(frameOf(body))
        if (requests % 5 === 3) void stream.close()
      })
    })
    const texts = Array.from({ length: 300 }, (_, index) => `call ${index}`)
    const outcomes = await Promise.allSettled(
      texts.map(text => rpc.client.send(rpc.address, OTHER, bytesOf(text), { idempotent: false }))
    )
    for (const [index, outcome] of outcomes.entries()) {
      const times = seen.get(`call ${index}`) ?? 0
      expect(times).toBeLessThanOrEqual(1)
      if (outcome.status === 'fulfilled') expect(textOf(outcome.value)).toBe(`call ${index}`)
      else if (times > 0) expect(outcome.reason.sent).toBe(true)
    }
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
  })
})

describe.each(WIRES)('the wait for a retry, on the %s wire,', wire => {
  const NEVER: ClientOptions = { maxRetries: 3, retryInterval: 20_000 }

  it.each<[string, (controller: AbortController, rpc: Rpc) => unknown, string]>([
    ['close()', (_, rpc) => rpc.client.close(), 'ERR_CLIENT_CLOSED'],
    ['the signal', controller => controller.abort(), 'ERR_ABORTED']
  ])('is ended at once by %s, and nothing is left', async (_, stop, code) => {
    const { handler, calls } = failing(1)
    await using rpc = await Rpc.create({ wire, handler, clientOptions: NEVER })
    const controller = new AbortController()
    const call = failureOf(rpc.send(HELLO, { signal: controller.signal, timeout: 60_000 }))
    await until(
      'the retry is waited for',
      () => rpc.client.getMetrics().retries,
      retries => retries === 1
    )
    await stop(controller, rpc)
    const error = await within(1_000, 'the call ends', call)
    expect(error).toMatchObject({ code, sent: true, peer: rpc.peer, protocol: PROTOCOL })
    expect(error.cause).toMatchObject({ code: FAILED[wire] })
    expect(calls()).toBe(1)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('is not begun when the deadline comes first: the failure is told at once', async () => {
    const { handler } = failing(1)
    await using rpc = await Rpc.create({ wire, handler, clientOptions: NEVER })
    const error = await within(5_000, 'the call ends', failureOf(rpc.send(HELLO, { timeout: 15_000 })))
    expect(error).toMatchObject({ code: FAILED[wire], sent: true })
  })

  it('holds no stream: other calls are answered meanwhile', async () => {
    const { handler } = failing(1)
    await using rpc = await Rpc.create({
      wire,
      handler,
      clientOptions: { ...NEVER, maxStreamsPerPeer: 1, maxTotalConns: 1 }
    })
    const waiting = failureOf(rpc.send(HELLO, { timeout: 60_000 }))
    await until(
      'the retry is waited for',
      () => rpc.client.getMetrics().retries,
      retries => retries === 1
    )
    expect(textOf(await within(5_000, 'another call', rpc.send(HELLO)))).toBe('hello')
    await rpc.client.close()
    await waiting
  })

  it('is cut short for all of 1,000 calls by close()', async () => {
    await using rpc = await Rpc.create({ wire, clientOptions: { ...NEVER, retryBudget: 1_000 } })
    const { address } = rpc
    await rpc.pair.server.stop()
    const calls = Array.from({ length: 1_000 }, () =>
      failureOf(rpc.client.send(address, PROTOCOL, HELLO, { timeout: 60_000 }))
    )
    await until(
      'all wait',
      () => rpc.client.getMetrics().retries,
      retries => retries === 1_000
    )
    await within(5_000, 'close()', rpc.client.close())
    const codes = (await Promise.all(calls)).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['ERR_CLIENT_CLOSED']))
    expect(rpc.client.getMetrics()).toMatchObject({ activeRequests: 0, failedRequests: 1_000 })
  })
})
