import { expect, it } from 'vitest'
import { dial } from '../../../src/index.ts'
import { bytesOf, MIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

/** A server that takes so many streams and no more, one of which is somebody else's. */
async function fullBut(streams: number): Promise<Rpc> {
  const serverOptions = { maxConcurrentConns: streams + 1, minConcurrentConns: 100 }
  const rpc = await Rpc.create({ wire: 'auto', serverOptions, clientOptions: { wire: 'mux' } })
  await dial(rpc.pair.client, rpc.address, PROTOCOL)
  await until(
    'the server has a stream',
    () => rpc.server.activeStreams,
    count => count === 1
  )
  return rpc
}

it('a session whose stream the server resets at once fails its calls as one that is reset later', async () => {
  await using rpc = await fullBut(0)
  expect(await failureOf(rpc.send(bytesOf('hello')))).toMatchObject({ code: 'ERR_STREAM_RESET', protocol: PROTOCOL })
})

it('a session that gets no data stream fails, and the next small call has another', async () => {
  await using rpc = await fullBut(1)
  await rpc.send(bytesOf('hello'))
  expect(await failureOf(rpc.send(randomBody(MIB)))).toMatchObject({ code: 'ERR_STREAM_RESET' })
  expect(await rpc.send(bytesOf('hello'))).toEqual(bytesOf('hello'))
})
