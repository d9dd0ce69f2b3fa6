import { describe, expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, KIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { MUX, RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

const HELLO = bytesOf('hello')
const LARGE = randomBody(300 * KIB)

describe('a server that is stopped while a large answer waits to be taken', () => {
  it('does not say that the request was not processed', async () => {
    await using rpc = await Rpc.create({ handler: () => LARGE })
    const session = await RawMuxClient.open(await rpc.pair.connect())
    session.control.send(requestOf(1, HELLO))
    await session.control.next('want')
    await rpc.server.stop({ grace: 0 })
    const { code, notProcessed } = await session.control.next('error')
    expect({ code, notProcessed }).toEqual({ code: 'ERR_SERVER_CLOSED', notProcessed: false })
  })

  it('does not have a request sent again that must not be', async () => {
    let handled = 0
    const handler = (): Uint8Array => {
      handled += 1
      return LARGE
    }
    await using rpc = await Rpc.create({ handler })
    const { pair } = rpc
    const connection = await pair.connect()
    // The data stream opens never, so the answer is not on its way before the server is stopped.
    const newStream = connection.newStream.bind(connection)
    let opened = 0
    connection.newStream = (ids, options) => {
      if ([ids].flat().includes(MUX)) opened += 1
      return opened === 2 ? new Promise(() => {}) : newStream(ids, options)
    }
    await using client = new Client(pair.client, { wire: 'mux', maxRetries: 3, retryInterval: 1, idempotent: false })
    const call = failureOf(client.send(rpc.address, PROTOCOL, HELLO))
    await until(
      'the data stream is wanted',
      () => opened,
      count => count === 2
    )
    await rpc.server.stop({ grace: 0 })
    connection.newStream = newStream
    await using again = new Server(pair.server)
    await again.start(PROTOCOL, handler)
    expect(await call).toMatchObject({ code: 'ERR_SERVER_CLOSED', sent: true, remote: true })
    expect(handled).toBe(1)
  })
})
