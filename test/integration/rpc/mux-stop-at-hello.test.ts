import { expect, it } from 'vitest'
import { Server } from '../../../src/index.ts'
import { bytesOf } from '../../support/bytes.ts'
import { RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { echo, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { idsOf } from '../../support/wires.ts'

async function openSilently(rpc: Rpc): Promise<RawMuxClient> {
  const client = await RawMuxClient.openSilently(await rpc.pair.connect())
  await until(
    'the server has the stream',
    () => rpc.server.activeStreams,
    streams => streams === 1
  )
  return client
}

it('a request that comes with the HELLO of a session whose server has just stopped is told so', async () => {
  await using rpc = await Rpc.create({ wire: 'mux' })
  const client = await openSilently(rpc)
  const stopped = rpc.server.stop()
  const hello = { type: 'hello', stream: 'control', token: client.token, settings: {} } as const
  client.control.send(hello, requestOf(1, bytesOf('too late')))
  expect(await client.control.next('error')).toMatchObject({ code: 'ERR_SERVER_CLOSED', notProcessed: true })
  expect(client.control.frames.map(({ type }) => type)).toEqual(['hello', 'goaway', 'error'])
  await client.control.stream.close()
  await within(4_000, 'the server stops', stopped)
  expect(rpc.server.getMetrics().totalRequests).toBe(0)
})

it('a session that never says HELLO does not keep its server from stopping', async () => {
  await using rpc = await Rpc.create({ wire: 'mux', serverOptions: { readTimeout: 60_000 } })
  await openSilently(rpc)
  await within(4_000, 'the server stops', rpc.server.stop({ grace: 60_000 }))
})

it('a server that takes the place of one that stops has both wires in the same tick', async () => {
  await using rpc = await Rpc.create({ wire: 'auto' })
  const host = rpc.pair.server
  await using next = new Server(host)
  const stopped = rpc.server.stop()
  expect(host.getProtocols()).not.toContain(PROTOCOL)
  const started = next.start(PROTOCOL, echo)
  expect(host.getProtocols()).toEqual(expect.arrayContaining(idsOf(PROTOCOL)))
  await Promise.all([stopped, started])
})
