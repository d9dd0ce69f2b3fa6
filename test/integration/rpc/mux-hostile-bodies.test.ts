import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Encoding, MuxFrame } from '../../../src/frame/mux.ts'
import { bytesOf, join, KIB, MIB, randomBody, textOf, u32 } from '../../support/bytes.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'
import { bodyOf, largeRequest, RawMuxClient, type RawMuxStream, requestOf } from '../../support/raw-mux.ts'
import { Rpc } from '../../support/rpc.ts'
import { turn, until } from '../../support/until.ts'

const MAX = 32 * MIB

let rpc: Rpc
beforeAll(async () => {
  rpc = await Rpc.create({
    handler: request => Uint8Array.of(request.byteLength & 255),
    serverOptions: { readTimeout: 400 }
  })
})
afterAll(async () => rpc[Symbol.asyncDispose]())

interface Lie {
  readonly bytes: Uint8Array
  readonly encoding: Encoding
  readonly size: number
  readonly code?: string
}

const zeros = new Uint8Array(4 * MIB)
const text = bytesOf('all work and no play '.repeat(500))
const deflated = new Uint8Array(deflateRawSync(text))
const zstd = new Uint8Array(zstdCompressSync(text))
const cut = (bytes: Uint8Array): Uint8Array => bytes.slice(0, -1)

/** Bodies that are not what their heads say. */
const LIES: Record<string, Lie> = {
  'more than its size, deflated': { bytes: deflated, encoding: 1, size: text.byteLength - 1 },
  'less than its size, deflated': { bytes: deflated, encoding: 1, size: text.byteLength + 1 },
  'far more than its size, deflated': { bytes: new Uint8Array(deflateRawSync(zeros)), encoding: 1, size: 8 * KIB },
  'far less than its size, deflated': { bytes: deflated, encoding: 1, size: MAX },
  'half a body, deflated': { bytes: cut(deflated), encoding: 1, size: text.byteLength },
  'bytes behind a body, deflated': { bytes: join(deflated, u32(0)), encoding: 1, size: text.byteLength },
  'noise, deflated': { bytes: randomBody(500), encoding: 1, size: 1_000 },
  'nothing, deflated': { bytes: new Uint8Array(0), encoding: 1, size: 1_000 },
  'more than its size, zstd': { bytes: zstd, encoding: 2, size: text.byteLength - 1 },
  'less than its size, zstd': { bytes: zstd, encoding: 2, size: text.byteLength + 1 },
  'far more than its size, zstd': { bytes: new Uint8Array(zstdCompressSync(zeros)), encoding: 2, size: 8 * KIB },
  'half a body, zstd': { bytes: cut(zstd), encoding: 2, size: text.byteLength },
  'two frames, zstd': { bytes: join(zstd, zstd), encoding: 2, size: 2 * text.byteLength },
  'noise, zstd': { bytes: randomBody(500), encoding: 2, size: 1_000 },
  'deflated bytes said to be zstd': { bytes: deflated, encoding: 2, size: text.byteLength },
  'a size above maxBlockSize': { bytes: deflated, encoding: 1, size: MAX + 1, code: 'ERR_MESSAGE_TOO_LARGE' },
  'a size of 4 GiB': { bytes: zstd, encoding: 2, size: 0xff_ff_ff_ff, code: 'ERR_MESSAGE_TOO_LARGE' }
}

/** Sends something wrong as request 1, then a good one: the first gets an ERROR, the second its answer. */
async function expectRefusal(code: string, attack: (session: RawMuxClient) => Promise<void>): Promise<void> {
  rpc.failures.length = 0
  const session = await RawMuxClient.open(await rpc.pair.connect())
  await attack(session)
  expect(await session.control.next('error')).toMatchObject({ id: 1, code, notProcessed: true })
  session.control.send(requestOf(2, bytesOf('good')))
  expect((await session.control.next('answer')).body).toEqual(Uint8Array.of(4))
  await session.control.stream.close()
  expect(await session.control.raw.ended()).toBe('fin')
  // One that is refused by its head is the caller's to hear alone.
  const told = code === 'ERR_MESSAGE_TOO_LARGE' ? [] : [code]
  expect(rpc.failures.map(({ error }) => error.code)).toEqual(told)
}

function inPieces(id: number, bytes: Uint8Array, piece = 700): MuxFrame[] {
  const pieces = Array.from({ length: Math.ceil(bytes.byteLength / piece) }, (_, index) =>
    bodyOf(id, bytes.slice(index * piece, (index + 1) * piece))
  )
  return [...pieces, bodyOf(id, new Uint8Array(0), true)]
}

describe('a request is refused, and its session goes on, when its body is', () => {
  it.for(Object.entries(LIES))('%s', ([, { bytes, encoding, size, code = 'ERR_INVALID_FRAME' }]) =>
    expectRefusal(code, async ({ control }) => control.send(requestOf(1, bytes, { encoding, size })))
  )

  it.for(Object.entries(LIES))('%s, in pieces', ([, { bytes, encoding, size, code = 'ERR_INVALID_FRAME' }]) =>
    expectRefusal(code, async session => {
      const data = await session.openData()
      data.send(largeRequest(1, size, { encoding }), ...inPieces(1, bytes))
    })
  )

  it.for([
    ['longer', 1_000, 999],
    ['shorter', 1_000, 1_001],
    ['nothing at all', 0, 1]
  ] as const)('%s than it said, in pieces', ([, length, size]) =>
    expectRefusal('ERR_INVALID_FRAME', async session => {
      const data = await session.openData()
      data.send(largeRequest(1, size), ...inPieces(1, new Uint8Array(length)))
    })
  )

  it('never continued', () =>
    expectRefusal('ERR_TIMEOUT', async session => {
      const data = await session.openData()
      data.send(largeRequest(1, MIB), bodyOf(1, new Uint8Array(100)))
    }))
})

it('bytes of calls that have ended, or never were, are thrown away and credited', async () => {
  const session = await RawMuxClient.open(await rpc.pair.connect())
  const data = await session.openData()
  data.send(largeRequest(1, MAX + 1))
  await session.control.next('error')
  let credited = 0
  for (let id = 1; id <= 8; id += 1) {
    data.send(...inPieces(id, new Uint8Array(256 * KIB), 64 * KIB))
    await until(
      'credit comes for it',
      () => session.control.frames,
      frames => {
        credited = frames.reduce((sum, frame) => sum + (frame.type === 'credit' ? frame.bytes : 0), 0)
        return credited > (id - 1) * 256 * KIB
      }
    )
  }
  expect(credited).toBeGreaterThan(MIB)
  await session.control.stream.close()
  expect(await session.control.raw.ended()).toBe('fin')
})

describe('a session ends, with a clear error and nothing left, when', () => {
  const ended = async (code: string, attack: (control: RawMuxStream, data: RawMuxStream) => unknown): Promise<void> => {
    rpc.failures.length = 0
    const session = await RawMuxClient.open(await rpc.pair.connect())
    const data = await session.openData()
    data.send(largeRequest(1, MIB), bodyOf(1, new Uint8Array(100)))
    await until(
      'both streams are served',
      () => rpc.server.activeStreams,
      streams => streams === 2
    )
    for (let turns = 0; turns < 5; turns += 1) await turn()
    attack(session.control, data)
    await until(
      'its streams are gone',
      () => rpc.server.activeStreams,
      streams => streams === 0
    )
    // Of a body that ends in the middle the session is told, and the call with it.
    expect(rpc.failures.map(({ error }) => error.code)).toContain(code)
    expect(rpc.server.getMetrics().activeRequests).toBe(0)
  }

  it('a large body ends with its stream', () => ended('ERR_STREAM_RESET', (_, { stream }) => stream.close()))
  it('a data stream is reset', () => ended('ERR_STREAM_RESET', (_, { stream }) => stream.abort(new Error('enough'))))
  it('a control stream is reset', () => ended('ERR_STREAM_RESET', ({ stream }) => stream.abort(new Error('enough'))))
  it('a data stream ends within a frame', () =>
    ended('ERR_UNEXPECTED_EOF', (_, data) => {
      data.send(u32(100))
      void data.stream.close()
    }))
  it('a control stream ends within a frame', () =>
    ended('ERR_UNEXPECTED_EOF', control => {
      control.send(u32(100))
      void control.stream.close()
    }))
})

it('1,000 requests that claim 32 MiB each take no memory before it comes, and none when they are cancelled', async () => {
  const session = await RawMuxClient.open(await rpc.pair.connect())
  const data = await session.openData()
  const before = await arrayBufferBytes()
  const ids = Array.from({ length: 1_000 }, (_, index) => index + 1)
  data.send(...ids.map(id => largeRequest(id, MAX)), requestOf(0, new Uint8Array(0), { large: true }))
  await arrayBuffersWithin(2 * MIB, before)
  data.send(...ids.map((id): MuxFrame => ({ type: 'cancel', id })))
  session.control.send(requestOf(5_000, bytesOf('good')))
  const { id, body } = await session.control.next('answer')
  expect([id, textOf(body).length]).toEqual([5_000, 1])
  await session.control.stream.close()
  expect(await session.control.raw.ended()).toBe('fin')
  await arrayBuffersWithin(2 * MIB, before)
})
