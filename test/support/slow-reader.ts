import { expect } from 'vitest'
import { MIB } from './bytes.ts'
import { ChildPeer } from './child.ts'
import { inMiB } from './heap.ts'

/** Pushes `bytes` from one process at another that reads `bytesPerSecond`; neither may grow by more than 64 MiB. */
export async function pushAtSlowReader(bytes: number, bytesPerSecond: number): Promise<void> {
  const expected = (bytes / bytesPerSecond) * 1_000
  await using reader = await ChildPeer.start({ kind: 'slow-reader', bytesPerSecond })
  await using writer = await ChildPeer.start({ kind: 'writer', address: reader.address, bytes })
  const patience = expected * 2 + 30_000
  const [read, written] = await Promise.all([
    reader.report('transferred', patience),
    writer.report('transferred', patience)
  ])
  expect(read.bytes).toBe(bytes)
  expect(read.sha256).toBe(written.sha256)
  // It was slow, and the writer was held back by it.
  expect(read.milliseconds).toBeGreaterThan(expected * 0.9)
  expect(written.milliseconds).toBeGreaterThan(expected * 0.5)
  for (const [who, { rssGrowth }] of Object.entries({ read, written })) {
    expect(rssGrowth, `${who}: ${inMiB(rssGrowth)} MiB`).toBeLessThan(64 * MIB)
  }
}
