import { describe, expect, it } from 'vitest'
import { bytesOf, join, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Random } from '../../support/random.ts'
import { collect, framesOf, fromHex, pattern, smtsPair } from '../../support/smts.ts'

const MIB = 1024 * 1024

describe('a stream', () => {
  it.for([1, 2, 3])('comes out as it went in, in whatever pieces: seed %i', async seed => {
    const random = new Random(seed)
    await using pair = smtsPair({ enableCompression: random.chance(0.5) }, random)
    const chunks = Array.from({ length: 30 }, () => random.pick([0, 1, 100, 65_535, 65_536, 70_000, 200_000])).map(
      length => (random.chance(0.5) ? randomBody(length) : pattern(length))
    )
    const [received] = await Promise.all([collect(pair.far.receiveStream()), pair.near.sendStream(chunks)])
    expect(sameBytes(received, join(...chunks))).toBe(true)
  })

  it('of no bytes is one that Go can read, too', async () => {
    await using pair = smtsPair()
    await pair.near.sendStream([new Uint8Array(0)])
    expect(Buffer.from(pair.sent()).toString('hex')).toBe('00000043')
    expect(await collect(pair.far.receiveStream())).toEqual(new Uint8Array(0))
  })

  it('has no frame of a size that Go misreads', async () => {
    await using pair = smtsPair()
    const chunks = Array.from({ length: 12 }, (_, i) => pattern(65_536 + i * 37))
    await Promise.all([pair.near.sendStream(chunks), collect(pair.far.receiveStream())])
    const sizes = framesOf(pair.sent()).map(({ data }) => data.byteLength)
    expect(sizes.filter(size => size > 65_536 || (size === 65_536 && (size & 64) !== 0))).toEqual([])
  })

  it('takes no more of its source than the peer reads', async () => {
    await using pair = smtsPair()
    let taken = 0
    const source = function* (): Generator<Uint8Array> {
      for (; taken < 16 * MIB; taken += 65_536) yield pattern(65_536)
    }
    const sending = pair.near.sendStream(source())
    const stream = pair.far.receiveStream()
    await stream.next()
    for (let i = 0; i < 50; i += 1) await new Promise(resolve => setImmediate(resolve))
    expect(taken).toBeLessThan(4 * MIB)
    expect((await collect(stream)).byteLength).toBe(16 * MIB - 65_536)
    await sending
  })

  it('that is left early is skipped by what receives next', async () => {
    await using pair = smtsPair()
    const sending = pair.near.sendStream(Array.from({ length: 100 }, () => pattern(MIB / 10)))
    for await (const chunk of pair.far.receiveStream()) {
      expect(chunk.byteLength).toBe(65_536)
      break
    }
    const next = pair.near.send(bytesOf('next'))
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('next')
    await Promise.all([sending, next])
  })

  it('keeps messages sent meanwhile behind it', async () => {
    await using pair = smtsPair()
    const sent = Promise.all([
      pair.near.sendStream([bytesOf('a'), bytesOf('b')]),
      pair.near.send(bytesOf('c')),
      pair.near.sendStream([bytesOf('d')])
    ])
    expect(textOf(await collect(pair.far.receiveStream()))).toBe('ab')
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('c')
    expect(textOf(await collect(pair.far.receiveStream()))).toBe('d')
    await sent
  })
})

describe('a stream that fails', () => {
  it('at its source resets the Conn, once something has been sent', async () => {
    await using pair = smtsPair()
    let closed = false
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield pattern(10)
        throw new TypeError('the disk is gone')
      } finally {
        closed = true
      }
    }
    await expect(pair.near.sendStream(source())).rejects.toThrow(TypeError)
    expect(closed).toBe(true)
    expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_STREAM_RESET')
  })

  it('before anything was sent leaves the Conn as it is', async () => {
    await using pair = smtsPair()
    const source = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new TypeError('there is no disk')) })
    }
    await expect(pair.near.sendStream(source)).rejects.toThrow(TypeError)
    await pair.near.send(bytesOf('fine'))
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('fine')
  })

  it('by its signal lets go of its source', async () => {
    await using pair = smtsPair()
    const controller = new AbortController()
    const returned = Promise.withResolvers<string>()
    const source: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          returned.resolve('returned')
          return { done: true, value: undefined }
        }
      })
    }
    const sending = failureOf(pair.near.sendStream(source, { signal: controller.signal }))
    controller.abort()
    expect((await sending).code).toBe('ERR_ABORTED')
    expect(await returned.promise).toBe('returned')
  })

  it('with a chunk that is no bytes is the caller’s mistake', async () => {
    await using pair = smtsPair()
    const chunks: unknown = ['text']
    expect((await failureOf(pair.near.sendStream(chunks as Uint8Array[]))).code).toBe('ERR_INVALID_ARGUMENT')
  })

  it('at the peer’s FIN is an error, unless its end is meant by it', async () => {
    for (const fin of ['error', 'end'] as const) {
      await using pair = smtsPair()
      await pair.nearConn.write(fromHex('00054241030a11181f'))
      await pair.nearConn.closeWrite()
      const received = collect(pair.far.receiveStream({ fin }))
      if (fin === 'end') expect(await received).toEqual(pattern(5))
      else expect((await failureOf(received)).code).toBe('ERR_UNEXPECTED_EOF')
    }
  })

  it('before it begins is an error: at the FIN, and with a message in its place', async () => {
    await using pair = smtsPair()
    await pair.near.send(bytesOf('a message'))
    expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_INVALID_FRAME')
    await pair.near.closeWrite()
    expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_UNEXPECTED_EOF')
    expect(await collect(pair.far.receiveStream({ fin: 'end' }))).toEqual(new Uint8Array(0))
  })

  it('at its sender is not continued by the next one', async () => {
    await using pair = smtsPair()
    const first = fromHex('00054241030a11181f')
    await pair.nearConn.write(join(first, first, fromHex('00000042')))
    await pair.near.send(bytesOf('next'))
    expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_UNEXPECTED_EOF')
    expect(await collect(pair.far.receiveStream())).toEqual(pattern(5))
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('next')
  })

  it('by an error frame ends there', async () => {
    await using pair = smtsPair()
    await pair.nearConn.write(join(fromHex('00054241030a11181f'), fromHex('000424486f6f7073')))
    await pair.near.send(bytesOf('next'))
    expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_REMOTE')
    expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('next')
  })
})
