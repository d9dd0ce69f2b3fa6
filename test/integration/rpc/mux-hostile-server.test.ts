import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_FRAME } from '../../../src/frame/mux.ts'
import type { Client } from '../../../src/index.ts'
import { bytesOf, join, KIB, MIB, randomBody, textOf, u32 } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { PlayedServer } from '../../support/played-server.ts'
import {
  answerOf,
  bodyOf,
  encoded,
  largeAnswer,
  type RawMuxServer,
  type RawMuxServerOptions,
  requestOf,
  type Sendable
} from '../../support/raw-mux.ts'
import { PROTOCOL } from '../../support/rpc.ts'

const NOTHING = new Uint8Array(0)
const LARGE = randomBody(300 * KIB)
const SETTINGS = { maxRequests: 10, credit: MIB }

const played = new PlayedServer()
beforeAll(() => played.start())
afterAll(() => played.stop())

/** A client of a server played by hand; afterwards nothing is left of either. */
function against(
  play: (session: RawMuxServer) => unknown,
  call: (client: Client) => Promise<void>,
  server: RawMuxServerOptions = { settings: SETTINGS }
): Promise<void> {
  return played.against(play, call, { server, client: { maxBlockSize: 8 * MIB } })
}

function patched(frame: Sendable, at: number, ...bytes: number[]): Uint8Array {
  const copy = encoded(frame).slice()
  copy.set(bytes, at)
  return copy
}

const ping = (byte: number): Sendable => ({ type: 'ping', bytes: new Uint8Array(8).fill(byte) })
const errorWith = (code: string, message = ''): Sendable => {
  const rest = { retryable: false, notProcessed: false, retryAfter: 0, details: undefined }
  return { type: 'error', id: 1, code, message, ...rest }
}
/** An ERROR of request 1 whose message is longer than it may be. */
const longError = ((): Uint8Array => {
  const head = join(Uint8Array.of(3), u32(1), Uint8Array.of(0), u32(0), Uint8Array.of(5), bytesOf('ERR_X'))
  const content = join(
    head,
    Uint8Array.of(4_097 >> 8, 4_097 & 255),
    new Uint8Array(4_097).fill(65),
    Uint8Array.of(0, 0)
  )
  return join(u32(content.byteLength), content)
})()

/** What a server must not send on a control stream; requests 1 and 2 wait for their answers. */
const ON_CONTROL: Record<string, Sendable[]> = {
  'a frame of no bytes': [u32(0)],
  'a frame that is too long': [u32(MAX_FRAME + 1)],
  'a frame of an unknown type': [join(u32(1), Uint8Array.of(99))],
  'an answer to no request': [answerOf(3, NOTHING)],
  'a large answer': [largeAnswer(1, 10)],
  'a BODY': [bodyOf(1, NOTHING, true)],
  'a REQUEST': [requestOf(1, NOTHING)],
  'a CANCEL': [{ type: 'cancel', id: 1 }],
  'a second HELLO': [{ type: 'hello', stream: 'control', token: new Uint8Array(8), settings: {} }],
  'a PONG to no PING': [{ type: 'pong', bytes: new Uint8Array(8) }],
  'two PINGs at once': [ping(1), ping(2)],
  'more credit than anybody needs': Array.from({ length: 257 }, () => ({ type: 'credit', bytes: 0xff_ff_ff_ff })),
  'an ERROR without a code': [errorWith('')],
  'an ERROR whose code does not begin with ERR_': [errorWith('EOOPS')],
  'an ERROR with a code in small letters': [errorWith('ERR_oops')],
  'an ERROR with too long a code': [errorWith(`ERR_${'X'.repeat(61)}`)],
  'an ERROR with too long a message': [longError],
  'an ERROR with a message that is no UTF-8': [patched(errorWith('ERR_X', 'ab'), 22, 0xc3, 0x28)],
  'an ERROR with an undefined flag': [patched(errorWith('ERR_X'), 9, 4)],
  'an ANSWER with an undefined flag': [patched(answerOf(1, NOTHING), 9, 8)],
  'an ANSWER shorter than its size': [answerOf(1, NOTHING, { size: 1 })],
  'a GOAWAY that is too short': [join(u32(1), Uint8Array.of(7))],
  'a WANT that is too long': [join(u32(2), Uint8Array.of(10, 1))]
}

const ON_DATA: Record<string, Sendable[]> = {
  'a small ANSWER': [answerOf(1, NOTHING)],
  'a large answer to no request': [largeAnswer(9, 10)],
  'an ERROR': [errorWith('ERR_X')],
  'a large REQUEST': [requestOf(1, NOTHING, { large: true, size: 1 })],
  'a CANCEL': [{ type: 'cancel', id: 1 }],
  'a second HELLO': [{ type: 'hello', stream: 'data', token: new Uint8Array(8), settings: {} }],
  'a BODY with an undefined flag': [patched(bodyOf(1, NOTHING), 9, 2)]
}

/** Two calls that are in flight when the server breaks a rule: both fail with that. */
async function expectBothFail(client: Client, first: Uint8Array): Promise<void> {
  const calls = [first, bytesOf('two')].map(request => failureOf(played.send(client, request)))
  for (const failure of await Promise.all(calls)) {
    const peer = played.peer
    expect(failure).toMatchObject({ code: 'ERR_INVALID_FRAME', sent: true, peer, protocol: PROTOCOL })
    expect(failure.cause instanceof TypeError || failure.cause instanceof RangeError, String(failure.cause)).toBe(false)
  }
}

describe('every call of a session fails, and nothing is left, when its server sends', () => {
  it.for(Object.entries(ON_CONTROL))('%s', ([, frames]) =>
    against(
      async ({ control }) => {
        await control.next('request')
        await control.next('request')
        control.send(...frames)
      },
      client => expectBothFail(client, bytesOf('one'))
    )
  )

  it.for(Object.entries(ON_DATA))('%s on the data stream', ([, frames]) =>
    against(
      async ({ control, data }) => {
        await control.next('request')
        const stream = await data
        await stream.next('request')
        stream.send(...frames)
      },
      client => expectBothFail(client, LARGE)
    )
  )

  const hello = (stream: 'control' | 'data') => (token: Uint8Array) =>
    ({ type: 'hello', stream, token, settings: {} }) as const
  const dataHellos: Record<string, (token: Uint8Array) => Sendable> = {
    'a HELLO of another session on the data stream': token => hello('data')(token.map(byte => byte ^ 1)),
    'a HELLO of a control stream on the data stream': hello('control'),
    'something before the HELLO on the data stream': () => bodyOf(1, NOTHING)
  }
  it.for(Object.entries(dataHellos))('%s', ([, dataHello]) =>
    against(
      async ({ control }) => void (await control.next('request')),
      client => expectBothFail(client, LARGE),
      { settings: SETTINGS, dataHello }
    )
  )

  const firsts: Record<string, (token: Uint8Array) => Sendable> = {
    'a HELLO of another session': token => hello('control')(token.map(byte => byte ^ 1)),
    'a HELLO of a data stream': hello('data'),
    'an answer before its HELLO': () => answerOf(1, NOTHING),
    'a HELLO that allows no request': token =>
      patched({ ...hello('control')(token), settings: { maxRequests: 1 } }, 18, 0)
  }
  it.for(Object.entries(firsts))('%s', ([, first]) =>
    against(
      async ({ control, token }) => {
        await control.next('request')
        await control.next('request')
        control.send(first(token))
      },
      client => expectBothFail(client, bytesOf('one')),
      {}
    )
  )
})

describe('one call fails, and the others go on, when its answer', () => {
  const text = bytesOf('all work and no play '.repeat(500))
  const size = text.byteLength
  const deflated = new Uint8Array(deflateRawSync(text))
  const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(8 * MIB)))
  const answers: [what: string, body: Uint8Array, more: { encoding: 0 | 1 | 2; size: number }, code?: string][] = [
    ['inflates to more than its size', deflated, { encoding: 1, size: size - 1 }],
    ['inflates to less than its size', deflated, { encoding: 1, size: size + 1 }],
    ['inflates to far more than its size', bomb, { encoding: 2, size: 64 * KIB }],
    ['inflates to more than its size, later', bomb, { encoding: 2, size: 4 * MIB }],
    ['does not inflate', randomBody(100), { encoding: 1, size: 1_000 }],
    ['is larger than maxBlockSize', bomb, { encoding: 2, size: 8 * MIB + 1 }, 'ERR_MESSAGE_TOO_LARGE']
  ]
  const play = (send: (session: RawMuxServer) => unknown) => async (session: RawMuxServer) => {
    await session.control.next('request')
    await send(session)
    session.control.send(answerOf((await session.control.next('request')).id, bytesOf('good')))
  }
  const calls = (code: string) => async (client: Client) => {
    expect(await failureOf(played.send(client, bytesOf('one')))).toMatchObject({ code, sent: true })
    expect(textOf(await played.send(client, bytesOf('two')))).toBe('good')
  }

  it.for(answers)('%s', ([, body, more, code = 'ERR_INVALID_FRAME']) =>
    against(
      play(({ control }) => control.send(answerOf(1, body, more))),
      calls(code)
    )
  )

  it.for(answers)('%s, in pieces', ([, body, more, code = 'ERR_INVALID_FRAME']) =>
    against(
      play(async ({ control, data }) => {
        control.send({ type: 'want' })
        const stream = await data
        stream.send(largeAnswer(1, more.size, { encoding: more.encoding }), bodyOf(1, body), bodyOf(1, NOTHING, true))
      }),
      calls(code)
    )
  )
})
