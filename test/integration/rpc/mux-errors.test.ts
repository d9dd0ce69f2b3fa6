import { describe, expect, it } from 'vitest'
import { Client, type Handler, PointSubError, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'

const HELLO = bytesOf('hello')
const SECRET = 'password=hunter2 at /home/me/app.ts'

/** A handler that fails in the way the request names. */
function failing(ways: Readonly<Record<string, () => unknown>>): Handler {
  return request => {
    const way = ways[textOf(request)]
    if (way === undefined) return request
    throw way()
  }
}

describe('a PointSubError of a handler', () => {
  it('arrives with its code, message, details and whether and when to come again', async () => {
    const full = { retryable: true, retryAfter: 1_234.5, details: { field: 'name', 'max-length': '10' } }
    const handler = failing({
      own: () => new PointSubError('ERR_QUOTA_EXCEEDED', 'come back tomorrow', full),
      known: () => new PointSubError('ERR_INVALID_ARGUMENT', 'no such thing: ü 🌍'),
      final: () => new PointSubError('ERR_GONE', '', { retryable: false })
    })
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    const about = { peer: rpc.peer, protocol: PROTOCOL, sent: true, remote: true }
    expect(await failureOf(rpc.send(bytesOf('own')))).toMatchObject({
      code: 'ERR_QUOTA_EXCEEDED',
      message: 'come back tomorrow',
      ...about,
      ...full,
      retryAfter: 1_235
    })
    expect(await failureOf(rpc.send(bytesOf('known')))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: 'no such thing: ü 🌍',
      ...about
    })
    expect(await failureOf(rpc.send(bytesOf('final')))).toMatchObject({ code: 'ERR_GONE', retryable: false, ...about })
    expect(textOf(await rpc.send(bytesOf('anything else')))).toBe('anything else')
    expect(rpc.openStreams).toBe(1)
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(Array.from({ length: 3 }, () => 'ERR_HANDLER_FAILED'))
  })

  it('too long or too odd to be sent arrives as well as it can, and the session goes on', async () => {
    const handler = failing({
      long: () => new PointSubError('ERR_LONG', '🌍'.repeat(5_000)),
      details: () => new PointSubError('ERR_DETAILS', 'many', { details: { a: 'a'.repeat(10_000) } }),
      code: () => new PointSubError('ERR_lower case', SECRET),
      number: () => new PointSubError('ERR_NUMBER', 'odd', { retryAfter: Number.NaN }),
      half: () => new PointSubError('ERR_HALF', 'half \ud800 a character')
    })
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    const long = await failureOf(rpc.send(bytesOf('long')))
    expect(long.code).toBe('ERR_LONG')
    expect(long.message.startsWith('🌍🌍')).toBe(true)
    expect(bytesOf(long.message).byteLength).toBeLessThanOrEqual(4_096)
    expect(await failureOf(rpc.send(bytesOf('details')))).toMatchObject({ code: 'ERR_DETAILS', details: undefined })
    const code = await failureOf(rpc.send(bytesOf('code')))
    expect([code.code, code.message.includes('hunter2')]).toEqual(['ERR_REMOTE', false])
    expect(await failureOf(rpc.send(bytesOf('number')))).toMatchObject({ code: 'ERR_NUMBER', retryAfter: undefined })
    expect((await failureOf(rpc.send(bytesOf('half')))).code).toBe('ERR_HALF')
    expect(textOf(await rpc.send(HELLO))).toBe('hello')
    expect(rpc.openStreams).toBe(1)
  })

  it('says whether it is tried again, and when', async () => {
    const times: number[] = []
    const kinds: Record<string, PointSubError> = {
      later: new PointSubError('ERR_LATER', 'soon', { retryable: true, retryAfter: 150 }),
      never: new PointSubError('ERR_NEVER', 'never', { retryable: false })
    }
    const handler: Handler = request => {
      times.push(performance.now())
      const error = kinds[textOf(request)]
      if (error !== undefined && times.length < 3) throw error
      return request
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler, clientOptions: { maxRetries: 3, retryInterval: 1 } })
    expect(textOf(await rpc.send(bytesOf('later')))).toBe('later')
    const [first = 0, second = 0, third = 0] = times
    expect([second - first, third - second].every(wait => wait > 145)).toBe(true)
    times.length = 0
    expect(await failureOf(rpc.send(bytesOf('never')))).toMatchObject({ code: 'ERR_NEVER' })
    expect(times).toHaveLength(1)
    // A request that has been processed is not sent again unless it may be.
    times.length = 0
    const once = rpc.client.send(rpc.address, PROTOCOL, bytesOf('later'), { idempotent: false })
    expect(await failureOf(once)).toMatchObject({ code: 'ERR_LATER', sent: true })
    expect(times).toHaveLength(1)
    // Nor when the wait would be over after the deadline.
    times.length = 0
    const start = performance.now()
    const late = rpc.client.send(rpc.address, PROTOCOL, bytesOf('later'), { timeout: 100 })
    expect(await failureOf(late)).toMatchObject({ code: 'ERR_LATER' })
    expect(performance.now() - start).toBeLessThan(100)
  })
})

describe('any other failure of a handler', () => {
  it('is ERR_REMOTE, and says nothing of what it was', async () => {
    const handler = failing({
      error: () => new Error(SECRET),
      text: () => SECRET,
      object: () => ({ message: SECRET, code: 'ERR_SECRET', name: 'PointSubError' }),
      named: () => Object.assign(new Error(SECRET), { code: 'ERR_HUNTER2' }),
      nothing: () => undefined,
      bare: () => Object.create(null),
      aggregate: () => new AggregateError([new Error(SECRET)], SECRET, { cause: SECRET })
    })
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    for (const way of ['error', 'text', 'object', 'named', 'nothing', 'bare', 'aggregate']) {
      const error = await failureOf(rpc.send(bytesOf(way)))
      expect(error).toMatchObject({ code: 'ERR_REMOTE', sent: true, remote: true, details: undefined })
      expect(JSON.stringify([error.message, error.stack, error.cause, error.details])).not.toContain('hunter2')
    }
    // Its own side is told.
    expect(rpc.failures).toHaveLength(7)
    expect(rpc.failures[0]?.error.message).toContain(SECRET)
  })
})

describe('a handler that asks another peer, which fails', () => {
  it('tells its caller of its own part only: not of the other peer, nor of what was sent there', async () => {
    await using far = await ourHost()
    await using near = await ourHost()
    await using here = await ourHost()
    await using farServer = new Server(far)
    await using nearServer = new Server(near)
    await using inner = new Client(near, { maxRetries: 0 })
    await using outer = new Client(here, { maxRetries: 0 })
    const farAddress = addressOf(far)
    await farServer.start('/far/1.0.0', () => {
      throw new PointSubError('ERR_FAR', 'far away', { retryable: true, retryAfter: 5_000, details: { depth: '2' } })
    })
    await nearServer.start('/near/1.0.0', request => {
      const [protocol = ''] = textOf(request).split(' ')
      return inner.send(protocol === '/nowhere' ? 'nobody' : farAddress, protocol, request)
    })
    const expected = { peer: near.peerId.toString(), protocol: '/near/1.0.0', sent: true, remote: true }
    const ask = (protocol: string): Promise<PointSubError> =>
      failureOf(outer.send(addressOf(near), '/near/1.0.0', bytesOf(protocol)))
    // What the far peer said is passed on as the near one's own; it was not sent: false here, whatever it was there.
    expect(await ask('/far/1.0.0')).toMatchObject({ code: 'ERR_FAR', message: 'far away', ...expected })
    expect(await ask('/unserved/1.0.0')).toMatchObject(expected)
    expect(await ask('/nowhere')).toMatchObject(expected)
    await farServer.stop()
    await far.stop()
    const lost = await ask('/far/1.0.0')
    expect(lost).toMatchObject(expected)
    expect(JSON.stringify([lost.peer, lost.protocol, lost.details, lost.cause ?? null])).not.toContain(
      far.peerId.toString()
    )
    // It has run: an error that was final for the inner call, or was not sent there, is no reason to run it again here.
    const once = outer.send(addressOf(near), '/near/1.0.0', bytesOf('/far/1.0.0'), { idempotent: false })
    expect((await failureOf(once)).sent).toBe(true)
  })
})
