import { expect, it } from 'vitest'
import { bytesInUse } from '../../support/heap.ts'
import { MemoryStream, memoryConn } from '../../support/memory-stream.ts'

const BYTES = 200_000

it('readFull() does not pay an object for each byte that dribbles in', async () => {
  const [near, far] = MemoryStream.pair('/test/dribble/1.0.0')
  const mine = memoryConn(near, { status: 'open' })
  const theirs = memoryConn(far, { status: 'open' })
  const before = await bytesInUse()
  const whole = mine.readFull(BYTES + 1)
  for (let sent = 0; sent < BYTES; sent += 1) {
    await theirs.write(Uint8Array.of(sent % 251))
  }
  expect((await bytesInUse()) - before).toBeLessThan(40 * BYTES)
  await theirs.write(Uint8Array.of(7))
  const bytes = await whole
  expect(bytes.every((byte, at) => byte === (at === BYTES ? 7 : at % 251))).toBe(true)
  await Promise.all([mine.close(), theirs.close()])
})
