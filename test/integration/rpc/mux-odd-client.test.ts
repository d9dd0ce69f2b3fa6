import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, join, KIB, MIB, randomBody } from '../../support/bytes.ts'
import { bytesInUse, inMiB } from '../../support/heap.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { MuxRig } from '../../support/mux-rig.ts'
import { bodyOf, encoded, MUX, RawMuxClient, RawMuxStream, requestOf } from '../../support/raw-mux.ts'
import { echo, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'

it('a call whose answer waits for a data stream when the server is stopped counts as processed', async () => {
  await using rpc = await Rpc.create({ handler: () => randomBody(300 * KIB) })
  const session = await RawMuxClient.open(await rpc.pair.connect())
  session.control.send(requestOf(1, bytesOf('one')))
  await session.control.next('want')
  void rpc.server.stop({ grace: 0 })
  expect(await session.control.next('error')).toMatchObject({ id: 1, code: 'ERR_SERVER_CLOSED', notProcessed: false })
  await nothingLeft(MUX, rpc.pair.both)
})

describe('a stream that was opened before its server stopped, and has said nothing by then,', () => {
  const opened = async (rpc: Rpc): Promise<RawMuxClient> => {
    const session = await RawMuxClient.openSilently(await rpc.pair.connect())
    await until(
      'it is served',
      () => rpc.server.activeStreams,
      streams => streams === 1
    )
    return session
  }

  it('is told that its requests were not processed', async () => {
    await using rpc = await Rpc.create()
    const { control, token } = await opened(rpc)
    const stopped = rpc.server.stop({ grace: 5_000 })
    control.send({ type: 'hello', stream: 'control', token, settings: {} }, requestOf(1, bytesOf('one')))
    expect(await control.next('error')).toMatchObject({ id: 1, code: 'ERR_SERVER_CLOSED', notProcessed: true })
    await control.next('goaway')
    await control.stream.close()
    await within(2_000, 'the server stops', stopped)
    await nothingLeft(MUX, rpc.pair.both)
  })

  it('does not keep the server from stopping', async () => {
    await using rpc = await Rpc.create()
    const { control } = await opened(rpc)
    await within(3_000, 'the server stops', rpc.server.stop({ grace: 10_000 }))
    expect(await control.raw.ended()).toBe('reset')
    expect(rpc.failures).toEqual([])
  })
})

describe('a client that goes on with small calls, and for its large answers', () => {
  const LARGE = randomBody(300 * KIB)
  const handler: Handler = request => (request.byteLength === 0 ? LARGE : request)

  /** Small calls every now and then, for as long as the session lasts; resolves to how it was ended. */
  const goOn = async (rpc: Rpc, { control }: RawMuxClient): Promise<string[]> => {
    control.send(requestOf(1, new Uint8Array(0)))
    await within(
      5_000,
      'the session ends',
      (async () => {
        for (let id = 2; !control.raw.isOver; id += 1) {
          control.send(requestOf(id, bytesOf('small')))
          await new Promise(resolve => setTimeout(resolve, 20))
        }
      })()
    )
    await until(
      'nothing is left of it',
      () => rpc.server.activeStreams,
      streams => streams === 0
    )
    return rpc.failures.map(({ error }) => error.code)
  }

  it('never opens a data stream, is ended after writeTimeout', async () => {
    await using rpc = await Rpc.create({ handler, serverOptions: { writeTimeout: 400 } })
    const session = await RawMuxClient.open(await rpc.pair.connect(), { credit: MIB })
    expect(await goOn(rpc, session)).toEqual(['ERR_TIMEOUT'])
  })

  it('never gives credit, is ended after writeTimeout', async () => {
    await using rpc = await Rpc.create({ handler, serverOptions: { writeTimeout: 400 } })
    const session = await RawMuxClient.open(await rpc.pair.connect())
    await session.openData()
    expect(await goOn(rpc, session)).toEqual(['ERR_TIMEOUT'])
  })
})

it('300 sessions in which nothing is said cost little, and are sent away after idleTimeout', async () => {
  await using rpc = await Rpc.create({ serverOptions: { idleTimeout: 300 } })
  const connection = await rpc.pair.connect()
  const before = await bytesInUse()
  const sessions = await Promise.all(Array.from({ length: 300 }, () => RawMuxClient.open(connection)))
  expect(inMiB((await bytesInUse()) - before)).toBeLessThan(15)
  await Promise.all(
    sessions.map(async ({ control }) => {
      expect(await control.next('goaway')).toMatchObject({ reason: 2 })
      await control.stream.close()
      expect(await control.raw.ended()).toBe('fin')
    })
  )
  await rpc.nothingLeft()
  expect(rpc.failures).toEqual([])
})

it.for([
  ['all that it has credit for', MIB, []],
  ['one byte more than it has credit for', MIB + 1, ['ERR_INVALID_FRAME']]
] as const)('a client that sends %s before any comes back', async ([, bytes, failures]) => {
  const rig = new MuxRig({ handler: echo })
  const token = randomBody(8)
  const [control, data] = [rig.open(), rig.open(undefined, { status: 'open' }, 4 * MIB)]
  control.send(encoded({ type: 'hello', stream: 'control', token, settings: {} }))
  await new RawMuxStream(control).next('hello')
  // All in one piece, for credit comes back with each.
  const bodies = Array.from({ length: Math.ceil(bytes / (256 * KIB)) }, (_, index) =>
    encoded(bodyOf(1, new Uint8Array(Math.min(256 * KIB, bytes - index * 256 * KIB))))
  )
  data.send(join(encoded({ type: 'hello', stream: 'data', token, settings: {} }), ...bodies))
  await until(
    'it has come',
    () => ({ queued: data.writeBufferLength, left: data.otherEnd.readBufferLength, statuses: [control.status] }),
    ({ queued, left, statuses }) => queued + left === 0 && (failures.length === 0 || statuses.includes('reset'))
  )
  control.abort(new Error('enough'))
  await rig.nothingLeft()
  expect(rig.failures.map(({ code }) => code)).toEqual(failures)
})
