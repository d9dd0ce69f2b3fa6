import { expect, it } from 'vitest'
import { Server } from '../../../src/index.ts'
import type { MuxFrame } from '../../../src/frame/mux.ts'
import { encodeMuxFrame } from '../../../src/frame/mux-encode.ts'
import { failureOf } from '../../support/failures.ts'
import { HostPair } from '../../support/hosts.ts'
import { RawStream } from '../../support/raw.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

const TOKEN = new Uint8Array(8)
const MUX = `${PROTOCOL}/mux/1`

const hello = (stream: 'control' | 'data'): MuxFrame => ({ type: 'hello', stream, token: TOKEN, settings: {} })

function request(body: Uint8Array, size: number, timeout: number, large: boolean): MuxFrame {
  return { type: 'request', id: 1, encoding: 0, metadata: undefined, body, size, timeout, large }
}

function send(stream: RawStream, ...frames: MuxFrame[]): void {
  for (const frame of frames) stream.send(encodeMuxFrame(frame))
}

it('the timeout of a request ends it while its large body is coming, too', async () => {
  await using pair = await HostPair.create()
  await using server = new Server(pair.server, { readTimeout: 30_000 })
  await server.start(PROTOCOL, body => body)
  const connection = await pair.connect()
  const control = await RawStream.open(connection, MUX)
  send(control, hello('control'))
  const greeted = (await control.receivedAtLeast(14)).byteLength
  const data = await RawStream.open(connection, MUX)
  send(data, hello('data'), request(new Uint8Array(0), 100, 200, true))
  await until(
    'the ERROR',
    () => Buffer.from(control.received.subarray(greeted)).toString(),
    text => text.includes('ERR_TIMEOUT')
  )
})

it('a body of more than 262,144 bytes within a frame is a violation', async () => {
  await using pair = await HostPair.create()
  await using server = new Server(pair.server)
  await server.start(PROTOCOL, () => new Uint8Array(0))
  const control = await RawStream.open(await pair.connect(), MUX)
  send(control, hello('control'), request(new Uint8Array(300_000), 300_000, 0, false))
  expect(await control.ended()).toBe('reset')
})

it('a request above what the peer has said it takes is not sent', async () => {
  await using rpc = await Rpc.create({ clientOptions: { wire: 'mux' }, serverOptions: { maxBlockSize: 1_000 } })
  await rpc.send(new Uint8Array(1_000))
  const before = rpc.server.getMetrics()
  expect(await failureOf(rpc.send(new Uint8Array(1_001)))).toMatchObject({
    code: 'ERR_MESSAGE_TOO_LARGE',
    sent: false,
    remote: true
  })
  expect(rpc.server.getMetrics()).toEqual(before)
  expect((await rpc.send(new Uint8Array(1_000))).byteLength).toBe(1_000)
})
