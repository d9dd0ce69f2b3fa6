import { expect, it } from 'vitest'
import { Client } from '../../src/index.ts'
import { COUNT, ECHO } from '../support/child-roles.ts'
import { ChildPeer } from '../support/child.ts'
import { bytesInUse } from '../support/heap.ts'
import { ourHost } from '../support/hosts.ts'
import { repeat } from '../support/rpc.ts'
import { soak } from '../support/scale.ts'

const PEERS = 100
const CONCURRENT = 256
const REQUESTS = soak(1_000_000)

/** A request of its own for every call; the peer puts its number behind it. */
function requestOf(index: number): Uint8Array {
  const request = new Uint8Array(64)
  const view = new DataView(request.buffer)
  view.setUint32(0, index)
  view.setFloat64(8, Math.random())
  return request
}

it(`${REQUESTS} requests to ${PEERS} peers, ${CONCURRENT} at once: each is answered once, and memory stays flat`, async () => {
  await using child = await ChildPeer.start({ kind: 'many-servers', count: PEERS })
  const addresses = child.address.split(' ')
  await using host = await ourHost()
  await using client = new Client(host)

  const call = async (index: number): Promise<void> => {
    const peer = Math.floor(Math.random() * PEERS)
    const request = requestOf(index)
    const answer = await client.send(addresses[peer] ?? '', ECHO, request)
    expect(Buffer.compare(answer.subarray(0, 64), request)).toBe(0)
    expect(answer[64]).toBe(peer)
  }
  const heap: number[] = []
  const started = performance.now()
  for (let tenth = 0; tenth < 10; tenth += 1) {
    await repeat(REQUESTS / 10, CONCURRENT, index => call(tenth * (REQUESTS / 10) + index))
    heap.push(await bytesInUse())
  }
  const seconds = (performance.now() - started) / 1000
  console.log(
    `${REQUESTS} requests in ${seconds.toFixed(0)} s; MiB in use: ${heap.map(bytes => (bytes / 2 ** 20).toFixed(1)).join(' ')}`
  )

  let handled = 0
  for (const address of addresses) handled += Number(Buffer.from(await client.send(address, COUNT, new Uint8Array(1))))
  expect(handled).toBe(REQUESTS + PEERS)
  expect(client.getMetrics()).toMatchObject({ totalRequests: REQUESTS + PEERS, failedRequests: 0, retries: 0 })
  expect(heap[9]).toBeLessThan((heap[1] ?? 0) * 1.05)
})
