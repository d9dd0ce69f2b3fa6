import { expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { type Outgoing, Plane, UNHELD } from '../../../src/mux/plane.ts'
import { KIB } from '../../support/bytes.ts'
import { memoryConn, MemoryStream } from '../../support/memory-stream.ts'
import { MUX } from '../../support/raw-mux.ts'
import { turn } from '../../support/until.ts'

it('what waits for room when a client gives its session up is not sent, and known not to be', async () => {
  const [near, far] = MemoryStream.pair(MUX, undefined, KIB)
  far.pause()
  const plane = new Plane(memoryConn(near, { status: 'open' }), UNHELD)
  const [first, second]: Outgoing[] = [1, 2].map(() => ({
    head: new Uint8Array(2 * KIB),
    body: undefined,
    given: false
  }))
  if (first === undefined || second === undefined) throw new Error('there are two')
  plane.send(first)
  await turn()
  plane.send(second)
  await turn()
  plane.reset(new PointSubError('ERR_TIMEOUT', 'the peer has not answered'))
  expect([first.given, second.given]).toEqual([true, false])
})
