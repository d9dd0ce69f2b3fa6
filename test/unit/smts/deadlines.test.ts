import { expect, it } from 'vitest'
import { bytesOf, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { collect, framesOf, fromHex, pattern, smtsPair } from '../../support/smts.ts'
import { armedTimers } from '../../support/timers.ts'
import { until } from '../../support/until.ts'

const MIB = 1024 * 1024

it('an aborted receive() loses nothing, be it in the middle of a frame', async () => {
  await using pair = smtsPair()
  const controller = new AbortController()
  const waiting = failureOf(pair.far.receive({ signal: controller.signal }))
  await pair.nearConn.write(fromHex('0005864068'))
  controller.abort()
  expect((await waiting).code).toBe('ERR_ABORTED')
  expect((await failureOf(pair.far.receive({ timeout: 5 }))).code).toBe('ERR_TIMEOUT')
  await pair.nearConn.write(fromHex('656c6c6f'))
  expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('hello')
})

it('a frame that stops coming ends after readTimeout; none at all may take any time', async () => {
  await using pair = smtsPair({ readTimeout: 20 })
  const waiting = pair.far.receive()
  await new Promise(resolve => setTimeout(resolve, 60))
  await pair.nearConn.write(fromHex('0005864068'))
  expect((await failureOf(waiting)).code).toBe('ERR_TIMEOUT')
})

it('a stream that stops coming ends after readTimeout', async () => {
  await using pair = smtsPair({ readTimeout: 20 })
  await pair.nearConn.write(fromHex('00054241030a11181f'))
  expect((await failureOf(collect(pair.far.receiveStream()))).code).toBe('ERR_TIMEOUT')
})

it('deadlines are those of the Conn', async () => {
  await using pair = smtsPair()
  pair.far.setReadDeadline(Date.now() + 10)
  expect((await failureOf(pair.far.receive())).code).toBe('ERR_TIMEOUT')
  pair.far.setDeadline(undefined)
  pair.near.setWriteDeadline(Date.now() - 1)
  expect((await failureOf(pair.near.send(pattern(1)))).code).toBe('ERR_TIMEOUT')
  pair.near.setWriteDeadline(undefined)
  await pair.near.send(bytesOf('late'))
  expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('late')
})

it('a peer that does not read ends send() after writeTimeout, and sendStream() with a reset', async () => {
  await using pair = smtsPair({ writeTimeout: 20 })
  const sending = (async () => {
    for (;;) await pair.near.send(pattern(MIB))
  })()
  expect((await failureOf(sending)).code).toBe('ERR_TIMEOUT')
  expect((await failureOf(pair.near.sendStream([pattern(MIB)]))).code).toBe('ERR_TIMEOUT')
  expect(pair.nearStream.status).toBe('aborted')
})

it('what waits for its turn can be aborted, and does not stop those behind', async () => {
  await using pair = smtsPair()
  const source = Promise.withResolvers<void>()
  const streaming = pair.near.sendStream(
    (async function* () {
      yield bytesOf('a')
      await source.promise
      yield bytesOf('b')
    })()
  )
  const aborted = failureOf(pair.near.send(bytesOf('never'), { timeout: 5 }))
  const behind = pair.near.send(bytesOf('behind'))
  expect((await aborted).code).toBe('ERR_TIMEOUT')
  source.resolve()
  await Promise.all([streaming, behind])
  expect(textOf(await collect(pair.far.receiveStream()))).toBe('ab')
  expect(textOf((await pair.far.receive()) ?? new Uint8Array())).toBe('behind')
})

it('a source that is slow is filled up with empty frames, which nobody sees, and no timer is left', async () => {
  await using pair = smtsPair({ streamKeepAlive: 10 })
  const first = Promise.withResolvers<Uint8Array>()
  const rest = Promise.withResolvers<Uint8Array>()
  const streaming = pair.near.sendStream(
    (async function* () {
      yield await first.promise
      yield await rest.promise
    })()
  )
  const received = collect(pair.far.receiveStream())
  const framesSoFar = (count: number): Promise<number> =>
    until(
      'so many frames',
      () => pair.sent().byteLength / 4,
      frames => frames >= count
    )
  await framesSoFar(3)
  first.resolve(pattern(100))
  await framesSoFar(40)
  rest.resolve(pattern(200))
  await streaming
  expect(sameBytes(await received, Buffer.concat([pattern(100), pattern(200)]))).toBe(true)
  const flags = framesOf(pair.sent()).map(frame => frame.flags)
  expect(flags.slice(0, 3)).toEqual([1, 0, 0])
  expect(flags.filter(each => each === 1)).toHaveLength(1)
  expect(flags.at(-1)).toBe(2)
  expect(armedTimers()).toEqual([])
})
