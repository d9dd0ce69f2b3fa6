import { describe, expect, it } from 'vitest'
import { BodySender } from '../../../src/mux/body-sender.ts'
import { Plane } from '../../../src/mux/plane.ts'
import { KIB } from '../../support/bytes.ts'
import { memoryConn, MemoryStream } from '../../support/memory-stream.ts'
import { MUX } from '../../support/raw-mux.ts'
import { turn, until } from '../../support/until.ts'

describe('a sender of bodies', () => {
  it('has something to send as long as the last piece has not been taken', async () => {
    const [near, far] = MemoryStream.pair(MUX, undefined, 256 * KIB)
    far.pause()
    const plane = new Plane(memoryConn(near, { status: 'open' }))
    const sender = new BodySender(1024 * KIB)
    plane.hand({ onFrame: () => {}, onEnd: () => {}, onDrain: () => sender.drained() })
    sender.start(plane)
    // As much as the stream takes, so that there is no room for the heads.
    const transfer = {
      id: 1,
      head: new Uint8Array(100),
      body: new Uint8Array(256 * KIB),
      offset: 0,
      given: false,
      onProgress: () => {}
    }
    sender.add(transfer)
    sender.addCredit(1024 * KIB)
    while (transfer.offset < transfer.body.byteLength) {
      await turn()
      sender.addCredit(32 * KIB)
    }
    await turn()
    expect(sender.isEmpty).toBe(false)
    far.addEventListener('message', () => {})
    far.resume()
    await until(
      'all is taken',
      () => sender.isEmpty,
      isEmpty => isEmpty
    )
  })
})
