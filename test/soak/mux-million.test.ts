import { expect, it } from 'vitest'
import { bytesInUse, inMiB } from '../support/heap.ts'
import { repeat, Rpc } from '../support/rpc.ts'
import { soak } from '../support/scale.ts'

const CALLS = soak(1_000_000)
const CONCURRENT = 64

/** A request of its own for every call. */
function requestOf(index: number): Uint8Array {
  const request = new Uint8Array(64)
  new DataView(request.buffer).setUint32(0, index)
  return request
}

it(`${CALLS} calls over one session, ${CONCURRENT} at once: each gets its answer, and memory stays flat`, async () => {
  const serverOptions = { maxRequestsPerConn: 1_000_000, idleTimeout: 600_000 }
  await using rpc = await Rpc.create({ wire: 'mux', serverOptions, clientOptions: { idleTimeout: 600_000 } })
  const heap: number[] = []
  const started = performance.now()
  for (let tenth = 0; tenth < 10; tenth += 1) {
    await repeat(CALLS / 10, CONCURRENT, async index => {
      const request = requestOf(tenth * (CALLS / 10) + index)
      const answer = await rpc.send(request)
      if (Buffer.compare(answer, request) !== 0) throw new Error(`call ${index} got the answer of another`)
    })
    heap.push(await bytesInUse())
  }
  const seconds = (performance.now() - started) / 1_000
  process.stdout.write(`${CALLS} calls in ${seconds.toFixed()} s; MiB in use: ${heap.map(inMiB).join(' ')}\n`)
  // One session from the first to the last: the server ends it with the call after these.
  expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: CALLS, failedRequests: 0, totalConnections: 1 })
  expect(rpc.client.getMetrics()).toMatchObject({ totalRequests: CALLS, failedRequests: 0, retries: 0 })
  expect(rpc.failures).toEqual([])
  expect((heap[9] ?? 0) - (heap[1] ?? 0)).toBeLessThan(4 * 1024 * 1024)
  await rpc.client.close()
  await rpc.nothingLeft()
})
