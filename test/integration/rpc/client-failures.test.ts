import { describe, expect, it } from 'vitest'
import type { Handler, PointSubError } from '../../../src/index.ts'
import { bytesOf, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Gate, PROTOCOL, Rpc, type RpcOptions } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { inFlight, type PerWire, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const never: Handler = () => new Promise(() => {})

/** What a caller gets when the handler fails, or what it asked or is answered is too large for the server. */
const HANDLER_FAILED: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_REMOTE' }
const TOO_LARGE_TO_TAKE: PerWire<[code: string, sent: boolean]> = {
  plain: ['ERR_STREAM_RESET', true],
  mux: ['ERR_MESSAGE_TOO_LARGE', false]
}
const TOO_LARGE_TO_ANSWER: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_MESSAGE_TOO_LARGE' }

/** Everything a failed call must say and do: code, sent, peer, protocol; and nothing may be left afterwards. */
async function expectFailure(rpc: Rpc, call: Promise<unknown>, code: string, sent = true): Promise<PointSubError> {
  const error = await within(10_000, 'the call fails', failureOf(call))
  expect(error).toMatchObject({ code, sent, peer: rpc.peer, protocol: PROTOCOL })
  expect(error.message).not.toBe('')
  await rpc.client.close()
  await rpc.nothingLeft()
  return error
}

describe.each(WIRES)('on the %s wire a call fails', wire => {
  const BROKEN: [string, Handler][] = [
    [
      'throws',
      () => {
        throw new Error('broken')
      }
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws no Error',
      () => {
        throw Object.create(null)
      }
    ],
    ['returns a text', (() => 'hello') as unknown as Handler],
    ['returns nothing', (() => {}) as unknown as Handler],
    ['returns an ArrayBuffer', (() => new ArrayBuffer(3)) as unknown as Handler],
    ['resolves to null', (() => Promise.resolve(null)) as unknown as Handler]
  ]

  it.each(BROKEN)(`when the handler %s: ${HANDLER_FAILED[wire]} here, ERR_HANDLER_FAILED there`, async (_, handler) => {
    await using rpc = await Rpc.create({ wire, handler })
    await expectFailure(rpc, rpc.send(HELLO), HANDLER_FAILED[wire])
    expect(rpc.failures).toHaveLength(1)
    expect(rpc.failures[0]?.error).toMatchObject({ code: 'ERR_HANDLER_FAILED', protocol: PROTOCOL })
    expect(rpc.failures[0]?.peer.equals(rpc.pair.client.peerId)).toBe(true)
  })

  it('when the handler throws a PointSubError of its own calls: that is a failed handler, too', async () => {
    const expected: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_INVALID_PEER' }
    const handler: Handler = async () => rpc.client.send('12D3KooW', '/other', HELLO)
    await using rpc = await Rpc.create({ wire, handler })
    await expectFailure(rpc, rpc.send(HELLO), expected[wire])
    expect(rpc.failures[0]?.error).toMatchObject({
      code: 'ERR_HANDLER_FAILED',
      protocol: PROTOCOL,
      cause: { code: 'ERR_INVALID_PEER' }
    })
  })

  it('alone, when its handler throws: other calls at the same time and later ones are answered', async () => {
    const handler: Handler = request => {
      if (textOf(request).endsWith('7')) throw new Error('unlucky')
      return request
    }
    await using rpc = await Rpc.create({ wire, handler })
    for (let round = 0; round < 2; round += 1) {
      const texts = Array.from({ length: 200 }, (_, index) => `call ${index}`)
      const outcomes = await Promise.allSettled(texts.map(text => rpc.send(bytesOf(text))))
      for (const [index, outcome] of outcomes.entries()) {
        const failed = { status: 'rejected', reason: { code: HANDLER_FAILED[wire] } }
        const answered = { status: 'fulfilled', value: bytesOf(`call ${index}`) }
        expect(outcome).toMatchObject(index % 10 === 7 ? failed : answered)
      }
    }
    expect(rpc.failures).toHaveLength(40)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('when no answer comes in time: ERR_TIMEOUT, by the timeout of the call or of the client', async () => {
    await using rpc = await Rpc.create({ wire, handler: never, clientOptions: { timeout: 700 } })
    await rpc.pair.connect()
    const start = performance.now()
    const failure = expectOnly(rpc.send(HELLO, { timeout: 400 }), 'ERR_TIMEOUT', 'the call took longer than 400 ms')
    await failure
    expect(performance.now() - start).toBeGreaterThanOrEqual(395)
    await expectOnly(rpc.send(HELLO), 'ERR_TIMEOUT', 'the call took longer than 700 ms')
    expect(rpc.openStreams).toBe(wire === 'plain' ? 0 : 1)
  })

  it('when its signal is aborted while in flight: ERR_ABORTED, sent', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const controller = new AbortController()
    const call = rpc.send(HELLO, { signal: controller.signal })
    const failed = failureOf(call)
    await gate.reached(1)
    controller.abort(new Error('no longer needed'))
    gate.open()
    const error = await expectFailure(rpc, call, 'ERR_ABORTED')
    expect(error.cause).toMatchObject({ message: 'no longer needed' })
    await failed
  })

  it('when its signal is one of AbortSignal.timeout(): ERR_TIMEOUT', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    await rpc.pair.connect()
    const call = rpc.send(HELLO, { signal: AbortSignal.timeout(500) })
    const failed = failureOf(call)
    await gate.reached(1)
    await failed
    gate.open()
    await expectFailure(rpc, call, 'ERR_TIMEOUT')
  })

  it('when its signal is aborted while it waits for a stream: ERR_ABORTED, nothing sent', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...inFlight(wire, 1), handler: gate.handler })
    await rpc.greet()
    const first = rpc.send(HELLO)
    await gate.reached(1)
    const controller = new AbortController()
    const second = failureOf(rpc.send(bytesOf('second'), { signal: controller.signal }))
    const third = rpc.send(bytesOf('third'))
    controller.abort()
    expect(await second).toMatchObject({ code: 'ERR_ABORTED', sent: false, peer: rpc.peer, protocol: PROTOCOL })
    const opening = setInterval(() => gate.open(), 5)
    expect([textOf(await first), textOf(await third)]).toEqual(['hello', 'third'])
    clearInterval(opening)
    expect(gate.entered).toBe(2)
  })

  it('when its time is over while it waits for a stream: ERR_TIMEOUT, nothing sent', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...inFlight(wire, 1), handler: gate.handler })
    await rpc.greet()
    const first = rpc.send(HELLO)
    await gate.reached(1)
    expect(await failureOf(rpc.send(HELLO, { timeout: 50 }))).toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
    gate.open()
    expect(textOf(await first)).toBe('hello')
  })

  it(`when the request is larger than the server takes: ${TOO_LARGE_TO_TAKE[wire].join(', sent: ')}`, async () => {
    await using rpc = await Rpc.create({ wire, serverOptions: { maxBlockSize: MIB } })
    expect((await rpc.send(new Uint8Array(MIB))).byteLength).toBe(MIB)
    const [code, sent] = TOO_LARGE_TO_TAKE[wire]
    for (const size of [MIB + 1, 32 * MIB]) {
      expect(await failureOf(rpc.send(randomBody(size)))).toMatchObject({ code, sent, protocol: PROTOCOL })
    }
    await rpc.client.close()
    await rpc.nothingLeft()
    // A refusal costs the mux wire nothing, and is not told.
    const told = wire === 'plain' ? ['ERR_MESSAGE_TOO_LARGE', 'ERR_MESSAGE_TOO_LARGE'] : []
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(told)
  })

  it(`when the answer is larger than the server sends: ${TOO_LARGE_TO_ANSWER[wire]} here, ERR_MESSAGE_TOO_LARGE there`, async () => {
    const handler: Handler = () => new Uint8Array(101)
    await using rpc = await Rpc.create({ wire, handler, serverOptions: { maxBlockSize: 100 } })
    await expectFailure(rpc, rpc.send(HELLO), TOO_LARGE_TO_ANSWER[wire])
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_MESSAGE_TOO_LARGE'])
  })

  it('when the answer is larger than the client takes: ERR_MESSAGE_TOO_LARGE', async () => {
    const options: RpcOptions = { wire, handler: () => new Uint8Array(32 * MIB), clientOptions: { maxBlockSize: MIB } }
    await using rpc = await Rpc.create(options)
    const error = await expectFailure(rpc, rpc.send(HELLO), 'ERR_MESSAGE_TOO_LARGE')
    const message: PerWire<string> = {
      plain: `the peer announced a message of ${32 * MIB} bytes; maxBlockSize is ${MIB}`,
      // The server knows, and says so instead of sending it.
      mux: `an answer of ${32 * MIB} bytes cannot be sent; ${MIB} are allowed`
    }
    expect(error.message).toBe(message[wire])
  })

  it('when the client is closed: all in flight and all waiting with ERR_CLIENT_CLOSED', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...inFlight(wire, 64), handler: gate.handler })
    await rpc.greet()
    const calls = Array.from({ length: 100 }, () => failureOf(rpc.send(HELLO)))
    await gate.reached(64)
    await rpc.client.close()
    const errors = await within(5_000, 'the calls fail', Promise.all(calls))
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_CLIENT_CLOSED', peer: rpc.peer })
    expect(errors.filter(({ sent }) => sent === true)).toHaveLength(64)
    await until(
      'the resets reach the server',
      () => rpc.servedStreams,
      count => count === 0
    )
    gate.open()
    await rpc.nothingLeft()
    // The answers nobody waits for any more.
    await until(
      'the server tells of each stream that was reset',
      () => rpc.failures.map(({ error }) => error.code),
      codes => codes.length === (wire === 'plain' ? 64 : 0) && codes.every(code => code === 'ERR_STREAM_RESET')
    )
  })
})

async function expectOnly(call: Promise<unknown>, code: string, message: string): Promise<void> {
  const error = await failureOf(call)
  expect(error).toMatchObject({ code, message, sent: true })
}
