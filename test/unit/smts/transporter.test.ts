import { describe, expect, it } from 'vitest'
import { FLAGS, Transporter } from '../../../src/smts/index.ts'
import { bytesOf, join, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Random } from '../../support/random.ts'
import { collect, framesOf, fromHex, pattern, smtsPair } from '../../support/smts.ts'

const MIB = 1024 * 1024
const AWKWARD = 70_000

describe('messages', () => {
  it('come in order, whole, and null behind the last one', async () => {
    await using pair = smtsPair({}, new Random(1))
    const bodies = [0, 1, 1000, 65_535, 65_536, 100_000, 3 * MIB].map(randomBody)
    const sending = Promise.all([...bodies.map(body => pair.near.send(body)), pair.near.closeWrite()])
    for (const body of bodies) expect(sameBytes((await pair.far.receive()) ?? new Uint8Array(7), body)).toBe(true)
    expect(await pair.far.receive()).toBeNull()
    expect(await pair.far.receive()).toBeNull()
    await sending
    await pair.far.send(bytesOf('after the FIN'))
    expect(textOf((await pair.near.receive()) ?? new Uint8Array())).toBe('after the FIN')
  })

  it('are given to concurrent calls in order', async () => {
    await using pair = smtsPair()
    const received = Promise.all([pair.far.receive(), pair.far.receive(), pair.far.receive()])
    for (const text of ['a', 'b', 'c']) await pair.near.send(bytesOf(text))
    expect((await received).map(body => textOf(body ?? new Uint8Array()))).toEqual(['a', 'b', 'c'])
  })

  it('of a size that Go misreads are refused, and nothing is sent', async () => {
    await using pair = smtsPair()
    expect(await failureOf(pair.near.send(pattern(AWKWARD)))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      sent: false
    })
    await pair.near.send(bytesOf('next'))
    expect(framesOf(pair.sent())).toHaveLength(1)
  })

  it('of such a size go compressed, or as a stream', async () => {
    await using pair = smtsPair({ enableCompression: true })
    for (const body of [pattern(AWKWARD), randomBody(AWKWARD), randomBody(65_600)]) {
      await pair.near.send(body)
      expect(sameBytes((await pair.far.receive()) ?? new Uint8Array(), body)).toBe(true)
      await pair.near.sendStream([body])
      expect(sameBytes((await pair.far.receive()) ?? new Uint8Array(), body)).toBe(true)
    }
  })

  it('above the limit are refused on both sides, whatever they are in', async () => {
    const options = { maxMessageSize: 1000 }
    await using pair = smtsPair({}, undefined, options)
    await using small = smtsPair(options)
    expect(await failureOf(small.near.send(pattern(1001)))).toMatchObject({
      code: 'ERR_MESSAGE_TOO_LARGE',
      sent: false
    })
    await pair.near.sendStream([pattern(600), pattern(600)])
    expect(await failureOf(pair.far.receive())).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    await pair.near.send(pattern(1001))
    expect(await failureOf(pair.far.receive())).toMatchObject({
      code: 'ERR_MESSAGE_TOO_LARGE',
      protocol: '/smts/1.0.0'
    })
    expect(await failureOf(pair.far.receive())).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
  })

  it('that are none are refused', async () => {
    await using pair = smtsPair()
    const notBytes: unknown = 'text'
    expect((await failureOf(pair.near.send(notBytes as Uint8Array))).code).toBe('ERR_INVALID_ARGUMENT')
    expect((await failureOf(pair.near.sendError('no', { code: -1 }))).code).toBe('ERR_INVALID_ARGUMENT')
  })

  it('that the peer leaves in the middle are an error', async () => {
    await using pair = smtsPair()
    await pair.nearConn.write(fromHex('00050040'))
    await pair.nearConn.closeWrite()
    expect(await failureOf(pair.far.receive())).toMatchObject({ code: 'ERR_UNEXPECTED_EOF' })
  })

  it('end with the Conn', async () => {
    await using pair = smtsPair()
    const waiting = failureOf(pair.far.receive())
    pair.near.conn.reset()
    expect((await waiting).code).toBe('ERR_STREAM_RESET')
    expect((await failureOf(pair.near.send(pattern(1)))).code).toBe('ERR_STREAM_CLOSED')
  })
})

describe('other frames', () => {
  it('that are errors fail receive(), which goes on behind them', async () => {
    await using pair = smtsPair()
    await pair.near.sendError('out of stock', { code: 4_011 })
    await pair.nearConn.write(join(fromHex('000424486f6f7073'), fromHex('00000048')))
    await pair.near.send(bytesOf('next'))
    expect(await failureOf(pair.far.receive())).toMatchObject({
      code: 'ERR_REMOTE',
      message: 'the peer sent an error: out of stock',
      remote: true,
      details: { code: '4011' }
    })
    expect((await failureOf(pair.far.receive())).message).toBe('the peer sent an error: oops')
    expect((await failureOf(pair.far.receive())).message).toBe('the peer sent an error: ')
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('next')
  })

  it('that control go to onControl, and like messages where there is none', async () => {
    const seen: string[] = []
    await using pair = smtsPair({}, undefined, { onControl: data => seen.push(textOf(data)) })
    await using plain = smtsPair()
    for (const { near } of [pair, plain]) {
      await near.sendControl(bytesOf('window 5'))
      await near.send(bytesOf('hello'))
    }
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('hello')
    expect(seen).toEqual(['window 5'])
    expect(textOf((await plain.far.receive()) ?? new Uint8Array())).toBe('window 5')
  })

  it('that are heartbeats are no messages, and an empty message is none of them', async () => {
    await using pair = smtsPair()
    for (let i = 0; i < 3000; i += 1) await pair.near.sendHeartbeat()
    await pair.near.send(new Uint8Array(0))
    expect(framesOf(pair.sent())[0]?.flags).toBe(FLAGS.empty)
    expect(await pair.far.receive()).toEqual(new Uint8Array(0))
  })
})

describe('compression', () => {
  it('is off by default and taken anyway', async () => {
    await using plain = smtsPair({}, undefined, { enableCompression: true })
    await plain.near.send(new Uint8Array(5000))
    expect(framesOf(plain.sent()).map(({ flags }) => flags)).toEqual([0])
    await plain.far.send(new Uint8Array(5000))
    expect(await plain.near.receive()).toEqual(new Uint8Array(5000))
  })

  it('is of one piece of a stream at a time', async () => {
    await using pair = smtsPair({ enableCompression: true })
    await pair.near.sendStream([new Uint8Array(100_000), randomBody(2000), new Uint8Array(10)])
    const compressed = framesOf(pair.sent()).map(({ flags }) => (flags & FLAGS.compressed) !== 0)
    expect(compressed).toEqual([true, true, false, false, false])
    expect((await collect(pair.far.receiveStream())).byteLength).toBe(102_010)
  })

  it('that is broken is an error of one message', async () => {
    await using pair = smtsPair()
    await pair.nearConn.write(fromHex('000424446f6f7073'))
    await pair.near.send(bytesOf('next'))
    expect((await failureOf(pair.far.receive())).code).toBe('ERR_INVALID_FRAME')
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('next')
  })
})

it('options that are wrong are refused', async () => {
  await using pair = smtsPair()
  for (const options of [{ maxMessageSize: 0 }, { readTimeout: -1 }, { chunkSize: 5 }, { onControl: 'no' }]) {
    const wrong: unknown = options
    expect(() => new Transporter(pair.nearConn, wrong as object)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_CONFIG' })
    )
  }
})
