import { expect, it } from 'vitest'
import { bytesOf, KIB, randomBody, sameBytes } from '../support/bytes.ts'
import { Peers, watchMost } from '../support/peers.ts'
import { repeat } from '../support/rpc.ts'
import { soak } from '../support/scale.ts'

const PEERS = 30
const PLACES = 5
const CALLS = soak(10_000)

it(`${CALLS} calls to ${PEERS} peers with places for ${PLACES} sessions: all are answered, and each peer in its turn`, async () => {
  await using peers = await Peers.create(PEERS, {
    wire: 'mux',
    clientOptions: { maxTotalConns: PLACES, enableCompression: false, maxRetries: 0 }
  })
  const large = randomBody(300 * KIB)
  const sessions = watchMost(() => peers.client.getConnectionsInfo().length)
  // A session has one data stream more at the most.
  const streams = watchMost(() => peers.openStreams)
  const waits: number[] = []
  await repeat(CALLS, 64, async index => {
    const request = index % 20 === 0 ? large : bytesOf(`call ${index}`)
    const start = performance.now()
    const answer = await peers.send((index * 7) % PEERS, request)
    waits.push(performance.now() - start)
    if (!sameBytes(answer, request)) throw new Error(`call ${index} got something else`)
  })
  const counts = new Map<string, number>()
  for (const peer of peers.asked) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(CALLS)
  expect(counts.size).toBe(Math.min(PEERS, CALLS))
  expect(sessions.stop()).toBeLessThanOrEqual(PLACES)
  expect(streams.stop()).toBeLessThanOrEqual(2 * PLACES)
  const longest = Math.max(...waits)
  process.stdout.write(`${peers.accepted} streams accepted; the longest call took ${longest.toFixed()} ms\n`)
  await peers.client.close()
  await peers.nothingLeft()
})
