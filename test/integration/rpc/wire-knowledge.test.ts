import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { Client } from '../../../src/index.ts'
import { bytesOf } from '../../support/bytes.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'

it('a client that is closed leaves no listener on its host, nor on a connection that stays', async () => {
  await using rpc = await Rpc.create({ wire: 'auto' })
  const connection = await rpc.pair.connect()
  const host = rpc.pair.client
  const count = (): number[] => [
    ...['close', 'message'].map(type => getEventListeners(connection, type).length),
    ...['peer:identify', 'connection:close'].map(type => getEventListeners(host, type).length)
  ]
  await rpc.send(bytesOf('hello'))
  const before = count()
  for (let round = 0; round < 5; round += 1) {
    await using client = new Client(host)
    await client.send(rpc.address, PROTOCOL, bytesOf('hello'))
  }
  expect(count()).toEqual(before)
})
