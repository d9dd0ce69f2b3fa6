import { expect, it } from 'vitest'
import { Cancellation } from '../../../src/core/cancellation.ts'
import { KIB, randomBody } from '../../support/bytes.ts'
import type { MemoryStream } from '../../support/memory-stream.ts'
import { MuxRig } from '../../support/mux-rig.ts'
import { until } from '../../support/until.ts'

it('a data stream that the server wants is tried again when it could not be opened', async () => {
  const answer = randomBody(300 * KIB)
  const rig = new MuxRig({ handler: () => answer })
  let opened = 0
  const open = (): MemoryStream => {
    opened += 1
    if (opened === 2) throw new Error('not now')
    return rig.open()
  }
  const session = rig.session(open)
  using cancellation = new Cancellation({ timeout: 5_000 })
  const call = session.request({ body: new Uint8Array(1), metadata: undefined, onMetadata: undefined }, cancellation)
  await until(
    'a data stream was tried',
    () => opened,
    count => count === 2
  )
  session.sweep(performance.now())
  expect(await call).toEqual(answer)
  session.sweep(performance.now())
  expect(opened).toBe(3)
})
