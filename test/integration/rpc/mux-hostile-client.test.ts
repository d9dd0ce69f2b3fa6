import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_FRAME } from '../../../src/frame/mux.ts'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, join, textOf, u32 } from '../../support/bytes.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { bodyOf, encoded, largeRequest, MUX, RawMuxClient, requestOf, type Sendable } from '../../support/raw-mux.ts'
import { Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

const NOTHING = new Uint8Array(0)
/** A handler that gets it waits for its signal. */
const WAIT = Uint8Array.of(1)
let aborted = 0

const handler: Handler = async (request, { signal }) => {
  if (request[0] !== WAIT[0]) return request
  await new Promise(resolve => signal.addEventListener('abort', resolve))
  aborted += 1
  return request
}

let rpc: Rpc
beforeAll(async () => {
  rpc = await Rpc.create({ handler, clientOptions: { wire: 'mux' } })
})
afterAll(async () => rpc[Symbol.asyncDispose]())

/** A frame with other bytes at a place; the first four are its length. */
function patched(frame: Sendable, at: number, ...bytes: number[]): Uint8Array {
  const copy = encoded(frame).slice()
  copy.set(bytes, at)
  return copy
}

/** A frame made of what is behind its length. */
function frameOf(...bytes: (number | Uint8Array)[]): Uint8Array {
  const content = join(...bytes.map(each => (typeof each === 'number' ? Uint8Array.of(each) : each)))
  return join(u32(content.byteLength), content)
}

/** A REQUEST without a body, whose pairs are these bytes. */
function withPairs(...bytes: (number | Uint8Array)[]): Uint8Array {
  const pairs = join(...bytes.map(each => (typeof each === 'number' ? Uint8Array.of(each) : each)))
  const { byteLength } = pairs
  return frameOf(1, u32(7), 0, u32(0), u32(0), byteLength >> 8, byteLength & 255, pairs)
}

const flags = { retryable: false, notProcessed: false }
const failure: Sendable = {
  type: 'error',
  id: 1,
  ...flags,
  retryAfter: 0,
  code: 'ERR_X',
  message: '',
  details: undefined
}
const ping = (byte: number): Sendable => ({ type: 'ping', bytes: new Uint8Array(8).fill(byte) })
const pair = (name: string, text: string): Uint8Array =>
  join(Uint8Array.of(name.length), bytesOf(name), Uint8Array.of(0, text.length), bytesOf(text))

/** What breaks the wire on a control stream whose HELLOs were right. */
const ON_CONTROL: Record<string, Sendable[]> = {
  'a frame of no bytes': [u32(0)],
  'a frame that is too long': [u32(MAX_FRAME + 1)],
  'a frame of 4 GiB': [u32(0xff_ff_ff_ff)],
  'a frame of an unknown type': [frameOf(11)],
  'a frame of the last type that is not optional': [frameOf(127, 1, 2, 3)],
  'a second HELLO': [{ type: 'hello', stream: 'control', token: new Uint8Array(8), settings: {} }],
  'a large REQUEST': [largeRequest(7, 10)],
  'a BODY': [bodyOf(1, NOTHING, true)],
  'an ANSWER': [{ ...requestOf(1, NOTHING), type: 'answer' }],
  'an ERROR': [failure],
  'a GOAWAY': [{ type: 'goaway', reason: 0 }],
  'a WANT': [{ type: 'want' }],
  'a PONG to no PING': [{ type: 'pong', bytes: new Uint8Array(8) }],
  'two PINGs at once': [ping(1), ping(2)],
  'a REQUEST of an id in flight': [requestOf(1, NOTHING)],
  'a REQUEST with an undefined flag': [patched(requestOf(7, NOTHING), 9, 8)],
  'a REQUEST in an undefined encoding': [patched(requestOf(7, NOTHING), 9, 3)],
  'a REQUEST that ends within its fields': [frameOf(1, u32(7), 0, u32(0))],
  'a body shorter than its size': [requestOf(7, WAIT, { size: 2 })],
  'a body longer than its size': [requestOf(7, WAIT, { size: 0 })],
  'an encoded body as long as its size': [requestOf(7, WAIT, { encoding: 1 })],
  'a CANCEL that is too short': [frameOf(4, 0, 0, 1)],
  'a CANCEL that is too long': [frameOf(4, u32(1), 0)],
  'a CREDIT that is too short': [frameOf(6, 0)],
  'a PING that is too short': [frameOf(8, 1, 2, 3)],
  'more credit than anybody needs': Array.from({ length: 257 }, () => ({ type: 'credit', bytes: 0xff_ff_ff_ff })),
  'pairs that end within one': [withPairs(5, bytesOf('ab'))],
  'pairs beyond the frame': [patched(withPairs(pair('a', 'b')), 18, 255, 255)],
  'a pair without a name': [withPairs(pair('', 'b'))],
  'a pair of an improper name': [withPairs(pair('Name', 'b'))],
  'a pair twice': [withPairs(pair('a', 'b'), pair('a', 'c'))],
  'a pair that is no UTF-8': [withPairs(1, bytesOf('a'), 0, 2, 0xc3, 0x28)],
  'too many pairs': [withPairs(...Array.from({ length: 60 }, (_, index) => pair(`n${index}`, 'x'.repeat(140))))]
}

const ON_DATA: Record<string, Sendable[]> = {
  'a small REQUEST': [requestOf(7, NOTHING)],
  'an ANSWER': [{ ...largeRequest(7, 10), type: 'answer' }],
  'an ERROR': [failure],
  'a PING': [ping(1)],
  'a CREDIT': [{ type: 'credit', bytes: 1 }],
  'a second HELLO': [{ type: 'hello', stream: 'data', token: new Uint8Array(8), settings: {} }],
  'a BODY with an undefined flag': [patched(bodyOf(7, NOTHING), 9, 2)],
  'a BODY that ends within its fields': [frameOf(5, u32(7))],
  'a large REQUEST with a body': [patched(requestOf(7, WAIT), 9, 4)],
  'a REQUEST of an id in flight': [largeRequest(1, 10)],
  'a frame of an unknown type': [frameOf(100)]
}

const NO_HELLO: Record<string, Sendable[]> = {
  'a PING': [ping(1)],
  'a REQUEST': [requestOf(1, NOTHING)],
  'a HELLO of a third stream': [frameOf(0, 2, new Uint8Array(8))],
  'a HELLO without a whole token': [frameOf(0, 0, 1, 2, 3)],
  'half a setting': [frameOf(0, 0, new Uint8Array(8), 1, 0)],
  'a setting twice': [frameOf(0, 0, new Uint8Array(8), 9, u32(1), 9, u32(1))],
  'no encoding that everybody reads': [frameOf(0, 0, new Uint8Array(8), 1, u32(2))],
  'no request at all': [frameOf(0, 0, new Uint8Array(8), 3, u32(0))],
  'a data stream of no session': [{ type: 'hello', stream: 'data', token: new Uint8Array(8), settings: {} }]
}

/** Waits for the one failure; afterwards only the streams of others are left, and others are served. */
async function expectViolation(before: number): Promise<void> {
  await until(
    'the server tells of it',
    () => rpc.failures,
    failures => failures.length > 0
  )
  await until(
    'its streams are gone',
    () => rpc.server.activeStreams,
    streams => streams === before
  )
  expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_INVALID_FRAME'])
  const cause = rpc.failures[0]?.error.cause
  expect(cause instanceof TypeError || cause instanceof RangeError, String(cause)).toBe(false)
  expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
  expect(rpc.server.getMetrics().activeRequests).toBe(0)
}

/** A session with a handler that waits, which is ended with whatever ends the session. */
async function attacked(attack: (session: RawMuxClient) => Promise<void>): Promise<void> {
  expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
  const before = rpc.server.activeStreams
  rpc.failures.length = 0
  aborted = 0
  const session = await RawMuxClient.open(await rpc.pair.connect())
  session.control.send(requestOf(1, WAIT), requestOf(2, bytesOf('first')))
  expect(textOf((await session.control.next('answer')).body)).toBe('first')
  await attack(session)
  expect(await session.control.raw.ended()).toBe('reset')
  await expectViolation(before)
  expect(aborted).toBe(1)
}

describe('a Server resets both streams of a session, and serves the others, when its client sends', () => {
  it.for(Object.entries(ON_CONTROL))('%s', ([, frames]) => attacked(async ({ control }) => control.send(...frames)))

  it.for(Object.entries(ON_DATA))('%s on the data stream', ([, frames]) =>
    attacked(async session => {
      const data = await session.openData()
      data.send(...frames)
      expect(await data.raw.ended()).toBe('reset')
    })
  )
})

it.for(Object.entries(NO_HELLO))('a Server resets a stream that begins with %s', async ([, frames]) => {
  await rpc.send(bytesOf('a good call'))
  const before = rpc.server.activeStreams
  rpc.failures.length = 0
  const session = await RawMuxClient.openSilently(await rpc.pair.connect())
  session.control.send(...frames)
  expect(await session.control.raw.ended()).toBe('reset')
  await expectViolation(before)
})

describe('a data stream is refused, and its session goes on, when', () => {
  const refused = async (open: (session: RawMuxClient) => Promise<RawMuxClient['control']>): Promise<void> => {
    await rpc.send(bytesOf('a good call'))
    rpc.failures.length = 0
    const session = await RawMuxClient.open(await rpc.pair.connect())
    const before = rpc.server.activeStreams
    const data = await open(session)
    expect(await data.raw.ended()).toBe('reset')
    await until(
      'it is gone',
      () => rpc.server.activeStreams,
      streams => streams <= before + 1
    )
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_INVALID_FRAME'])
    session.control.send(requestOf(1, bytesOf('on and on')))
    expect(textOf((await session.control.next('answer')).body)).toBe('on and on')
    await session.control.stream.close()
    await session.control.raw.ended()
  }

  it('there is one already', () =>
    refused(async session => {
      await session.openData()
      return session.tryOpenData({ type: 'hello', stream: 'data', token: session.token, settings: {} })
    }))

  it('its HELLO is that of a control stream', () =>
    refused(session => session.tryOpenData({ type: 'hello', stream: 'control', token: session.token, settings: {} })))

  it('a third peer opens it', async () => {
    await using other = await ourHost()
    const connection = await other.dial(addressOf(rpc.pair.server))
    await refused(session => {
      const stranger = new RawMuxClient(connection, session.control)
      return stranger.tryOpenData({ type: 'hello', stream: 'data', token: session.token, settings: {} })
    })
  })
})

it('frames of optional types are ignored on both streams', async () => {
  const session = await RawMuxClient.open(await rpc.pair.connect())
  const data = await session.openData()
  const unknown = [128, 200, 255].map(type => frameOf(type, new Uint8Array(1_000)))
  data.send(...unknown, largeRequest(1, 3), ...unknown, bodyOf(1, bytesOf('abc'), true))
  session.control.send(...unknown, requestOf(2, bytesOf('small')), ...unknown)
  const answers = [await session.control.next('answer'), await session.control.next('answer')]
  expect(answers.map(({ id, body }) => `${id} ${textOf(body)}`).toSorted()).toEqual(['1 abc', '2 small'])
  await data.stream.close()
  await session.control.stream.close()
  await rpc.client.close()
  await nothingLeft(MUX, rpc.pair.both)
})
