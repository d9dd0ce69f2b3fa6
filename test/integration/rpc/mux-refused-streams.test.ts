import { expect, it } from 'vitest'
import { Client, type Handler } from '../../../src/index.ts'
import { bytesOf, MIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'

const HELD = bytesOf('held')
const HELLO = bytesOf('hello')

/** A server that takes one stream, on which a call is under way, and so many more. */
async function fullBut(streams: number): Promise<Rpc> {
  const gate = new Gate()
  const handler: Handler = (request, context) =>
    request.byteLength === HELD.byteLength ? gate.handler(request, context) : request
  const serverOptions = { maxConcurrentConns: streams + 1, minConcurrentConns: 100 }
  const rpc = await Rpc.create({ wire: 'mux', handler, serverOptions: { wire: 'auto', ...serverOptions } })
  // Ends with its host.
  const other = new Client(rpc.pair.client, { wire: 'plain', maxRetries: 0 })
  other.send(rpc.address, PROTOCOL, HELD).catch(() => {})
  await gate.reached(1)
  return rpc
}

it('a session whose stream the server resets at once fails its calls as one that is reset later', async () => {
  await using rpc = await fullBut(0)
  expect(await failureOf(rpc.send(HELLO))).toMatchObject({ code: 'ERR_STREAM_RESET', protocol: PROTOCOL })
})

it('a session that gets no data stream fails, and the next small call has another', async () => {
  await using rpc = await fullBut(1)
  await rpc.send(HELLO)
  expect(await failureOf(rpc.send(randomBody(MIB)))).toMatchObject({ code: 'ERR_STREAM_RESET' })
  expect(await rpc.send(HELLO)).toEqual(HELLO)
})
