import { expect } from 'vitest'
import { MIB } from './bytes.ts'
import { bytesInUse, inMiB } from './heap.ts'
import { type Leftovers } from './leftovers.ts'
import { Rpc, type RpcOptions, repeat } from './rpc.ts'

/** What a load leaves of memory, streams, timers and listeners, against what was there before. */
export interface LoadOptions extends RpcOptions {
  warmUp: number
  count: number
  concurrency: number
  /** One call of the load. */
  call: (rpc: Rpc, index: number) => Promise<void>
}

/** Runs a load twice: the first time to warm up, the second time nothing may grow. */
export async function expectNoLeak({ warmUp, count, concurrency, call, ...options }: LoadOptions): Promise<void> {
  await using rpc = await Rpc.create({ ...options, clientOptions: { idleTimeout: 300, ...options.clientOptions } })
  const run = async (calls: number): Promise<{ used: number; left: Leftovers }> => {
    await repeat(calls, concurrency, index => call(rpc, index))
    // Streams are retired when they were idle for a while; then nothing at all may be left.
    await rpc.nothingLeft()
    rpc.failures.length = 0
    return { used: await bytesInUse(), left: rpc.leftovers() }
  }
  const before = await run(warmUp)
  const after = await run(count)
  expect(after.left).toEqual(before.left)
  const grown = after.used - before.used
  expect(grown, `${inMiB(grown)} MiB more after ${count} calls`).toBeLessThan(5 * MIB)
}
