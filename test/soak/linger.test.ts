import { expect, it } from 'vitest'
import { RawStream } from '../support/raw.ts'
import { PROTOCOL, Rpc } from '../support/rpc.ts'
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
