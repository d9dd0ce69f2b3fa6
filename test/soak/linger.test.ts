import { expect, it } from 'vitest'
import { listen } from '../../src/index.ts'
import { RawStream } from '../support/raw.ts'
import { PROTOCOL, Rpc } from '../support/rpc.ts'
import { endingOf, NetPair, SOCKET_PROTOCOL } from '../support/sockets.ts'
import { until } from '../support/until.ts'

it('a peer that never ends its side of a stream the server ended is reset in the end', async () => {
  await using rpc = await Rpc.create({ serverOptions: { idleTimeout: 50 } })
  const raw = await RawStream.open(await rpc.pair.connect(), PROTOCOL)
  expect(await raw.ended()).toBe('fin')
  await until(
    'the server gives the stream up',
    () => rpc.servedStreams,
    streams => streams === 0,
    { within: 15_000 }
  )
  await rpc.nothingLeft()
})

it('a socket whose peer has ended its side and takes nothing more fails with EPIPE in the end', async () => {
  await using nets = await NetPair.create()
  await using listener = await listen(nets.hosts.server, SOCKET_PROTOCOL)
  const socket = nets.client.connect({ peer: nets.peer, protocol: SOCKET_PROTOCOL })
  const ending = endingOf(socket.resume())
  const failed = new Promise(resolve => socket.write(new Uint8Array(8 * 1024 * 1024), resolve))
  const conn = await listener.accept()
  // What closing is to Go's yamux: a FIN, and not a word about what still comes.
  await conn.closeWrite()
  expect(await ending.closed).toEqual(['end', 'error:EPIPE', 'close:true'])
  expect(await failed).toMatchObject({ code: 'EPIPE', syscall: 'write' })
  conn.reset()
  await nets.nothingLeft()
})
