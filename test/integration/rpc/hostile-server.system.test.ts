import { describe, expect, it } from 'vitest'
import type { ClientOptions, PointSubError } from '../../../src/index.ts'
import { bytesOf, frameOf, join, MIB, textOf, u32 } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'
import { attackClientWith } from '../../support/hostile-server.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { handleRaw, onFrames, RawStream } from '../../support/raw.ts'
import { Rpc } from '../../support/rpc.ts'
import { turn, until } from '../../support/until.ts'

const HOSTILE = '/hostile/1.0.0'
const HELLO = bytesOf('hello')

it('a Client ends 1,000 calls to a hostile peer with a clear error each, and calls on', () => attackClientWith(1_000))

/** What a call to a peer gets that treats its streams by `onStream`; nothing may be left, and good calls work. */
async function callTo(
  onStream: (raw: RawStream) => void | Promise<void>,
  options: { client?: ClientOptions; timeout?: number; request?: Uint8Array } = {}
): Promise<PointSubError> {
  await using rpc = await Rpc.create({ clientOptions: options.client ?? {} })
  let streams = 0
  await handleRaw(rpc.pair.server, HOSTILE, stream => {
    streams += 1
    return onStream(new RawStream(stream))
  })
  const { request = HELLO, timeout = 5_000 } = options
  const error = await failureOf(rpc.client.send(rpc.address, HOSTILE, request, { timeout }))
  expect(error).toMatchObject({ peer: rpc.peer, protocol: HOSTILE })
  expect(streams, 'streams opened for one call').toBeLessThan(10)
  await nothingLeft(HOSTILE, rpc.pair.both)
  expect(textOf(await rpc.send(HELLO))).toBe('hello')
  return error
}

describe('a call to a peer that', () => {
  it('resets each stream at once fails: ERR_STREAM_RESET', async () => {
    const error = await callTo(raw => raw.stream.abort(new Error('go away')))
    expect(error).toMatchObject({ code: 'ERR_STREAM_RESET' })
  })

  it('ends each stream at once, as Go does above its limits, fails with a code that send() tells of', async () => {
    const error = await callTo(raw => raw.stream.close())
    expect(error).toMatchObject({ code: 'ERR_NO_RESPONSE' })
  })

  it('ends each stream in the tick it comes fails likewise', async () => {
    const error = await callTo(raw => {
      void raw.stream.close()
    })
    expect(error).toMatchObject({ code: 'ERR_NO_RESPONSE' })
  })

  it('never reads fails when its time is over, and what was to be sent is free again', async () => {
    const before = await arrayBufferBytes()
    const error = await callTo(
      raw => {
        raw.stream.maxReadBufferLength = 64 * MIB
        raw.stream.pause()
      },
      { request: new Uint8Array(32 * MIB), timeout: 500 }
    )
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
    await arrayBuffersWithin(8 * MIB, before)
  })

  it('ends the stream while a large request is half sent fails: ERR_NO_RESPONSE', async () => {
    const error = await callTo(
      async raw => {
        raw.stream.maxReadBufferLength = 64 * MIB
        raw.stream.pause()
        await until(
          'some of the request arrives',
          () => raw.stream.readBufferLength,
          bytes => bytes > 0
        )
        await raw.stream.close()
      },
      { request: new Uint8Array(32 * MIB) }
    )
    expect(error).toMatchObject({ code: 'ERR_NO_RESPONSE', sent: true })
  })

  it('answers before it is asked fails or works, and the answer is not kept for the next call', async () => {
    await using rpc = await Rpc.create({ clientOptions: { maxStreamsPerPeer: 1 } })
    await handleRaw(rpc.pair.server, HOSTILE, stream => {
      stream.send(frameOf(bytesOf('too early')))
      onFrames(stream, body => stream.send(frameOf(body)))
    })
    for (let round = 0; round < 5; round += 1) {
      const call = rpc.client.send(rpc.address, HOSTILE, bytesOf(`call ${round}`), { timeout: 3_000 })
      const [outcome] = await Promise.allSettled([call])
      if (outcome.status === 'fulfilled') expect(['too early', `call ${round}`]).toContain(textOf(outcome.value))
      else expect(outcome.reason).toMatchObject({ code: 'ERR_INVALID_FRAME' })
    }
  })

  it('answers twice is not called on that stream again', async () => {
    await using rpc = await Rpc.create({ clientOptions: { maxStreamsPerPeer: 1 } })
    let streams = 0
    await handleRaw(rpc.pair.server, HOSTILE, stream => {
      streams += 1
      onFrames(stream, body => {
        stream.send(join(frameOf(body), frameOf(bytesOf('once more'))))
      })
    })
    for (let round = 0; round < 20; round += 1) {
      expect(textOf(await rpc.client.send(rpc.address, HOSTILE, bytesOf(`call ${round}`)))).toBe(`call ${round}`)
    }
    expect(streams).toBe(20)
    await nothingLeft(HOSTILE, rpc.pair.both)
  })

  it('dribbles an answer without end fails when its time is over; memory follows the bytes', async () => {
    const before = await arrayBufferBytes()
    const error = await callTo(
      async raw => {
        raw.send(u32(32 * MIB))
        while (!raw.isOver) {
          raw.send(Uint8Array.of(1))
          await turn()
        }
      },
      { timeout: 500 }
    )
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
    await arrayBuffersWithin(4 * MIB, before)
  })
})
