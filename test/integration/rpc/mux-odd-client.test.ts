import { expect, it } from 'vitest'
import { bytesOf, KIB, randomBody } from '../../support/bytes.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { MUX, RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { Rpc } from '../../support/rpc.ts'

it('a call whose answer waits for a data stream when the server is stopped counts as processed', async () => {
  await using rpc = await Rpc.create({ handler: () => randomBody(300 * KIB) })
  const session = await RawMuxClient.open(await rpc.pair.connect())
  session.control.send(requestOf(1, bytesOf('one')))
  await session.control.next('want')
  void rpc.server.stop({ grace: 0 })
  expect(await session.control.next('error')).toMatchObject({ id: 1, code: 'ERR_SERVER_CLOSED', notProcessed: false })
  await nothingLeft(MUX, rpc.pair.both)
})
