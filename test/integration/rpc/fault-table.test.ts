import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ClientOptions, PointSubError } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { repeat } from '../../support/rpc.ts'
import { within } from '../../support/until.ts'
import { FAULT_ROWS, type FaultRow } from './fault-rows.ts'
import { FaultScene, PROTOCOL } from './fault-scene.ts'

/** What a call gets, and how often it was tried again. */
async function play(row: FaultRow, options: ClientOptions): Promise<{ failure: PointSubError; retries: number }> {
  await using scene = await FaultScene.create({ retryInterval: 10, ...row.options, ...options })
  await row.before(scene)
  const aborter = new AbortController()
  const { protocol = PROTOCOL, request = bytesOf('request') } = row
  const { signal } = aborter
  const call = failureOf(scene.client.send(scene.address, protocol, request, { signal }))
  await row.during?.(scene, () => aborter.abort())
  const failure = await within(10_000, 'the call ends', call)
  const { retries, activeRequests } = scene.client.getMetrics()
  expect(activeRequests).toBe(row.what.includes('waits for a stream') ? 1 : 0)
  await scene.nothingLeft()
  return { failure, retries }
}

describe.each(FAULT_ROWS)('$what', row => {
  it(`gives ${row.code}, ${row.sent ? 'perhaps' : 'never'} seen by the peer, and leaves nothing`, async () => {
    const { failure } = await play(row, { maxRetries: 0 })
    expect(failure).toMatchObject({ code: row.code, sent: row.sent, protocol: row.protocol ?? PROTOCOL })
    expect(failure.peer).toBeDefined()
  })

  it(`is tried again: ${row.retried}`, async () => {
    const idempotent = await play(row, { maxRetries: 2 })
    expect(idempotent.retries > 0).toBe(row.retried !== 'never')
    expect(idempotent.failure.sent).toBe(row.sent)
    const other = await play(row, { maxRetries: 2, idempotent: false })
    expect(other.retries > 0).toBe(row.retried === 'always')
    expect(other.failure).toMatchObject({ code: row.code, sent: row.sent })
  })
})

it('aborted while it waits for its next try, a call ends at once', async () => {
  await using scene = await FaultScene.create({ retryInterval: 60_000, timeout: 120_000 })
  await scene.serve(() => Promise.reject(new Error('broken')))
  const aborter = new AbortController()
  const call = failureOf(scene.client.send(scene.far.peerId, PROTOCOL, bytesOf('x'), { signal: aborter.signal }))
  await sleep(100)
  aborter.abort()
  expect(await within(1_000, 'the call ends', call)).toMatchObject({ code: 'ERR_ABORTED', sent: true })
  expect(scene.seen).toBe(1)
  await scene.nothingLeft()
})

describe('a clock that jumps', () => {
  afterEach(() => vi.useRealTimers())

  it.each([-86_400_000, 86_400_000])('by %d ms ends no call and no stream', async jump => {
    await using scene = await FaultScene.create({ timeout: 5_000 })
    await scene.serve(async request => {
      await sleep(20)
      return request
    })
    expect(textOf(await scene.client.send(scene.far.peerId, PROTOCOL, bytesOf('before')))).toBe('before')
    const slow = scene.client.send(scene.far.peerId, PROTOCOL, bytesOf('during'))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jump })
    expect(textOf(await slow)).toBe('during')
    // Longer than it takes to look for idle streams.
    await sleep(600)
    expect(scene.client.getConnectionsInfo().length).toBeGreaterThan(0)
    expect(textOf(await scene.client.send(scene.far.peerId, PROTOCOL, bytesOf('after')))).toBe('after')
    vi.useRealTimers()
    await scene.nothingLeft()
  })
})

it('over a bad network every idempotent call is answered, with its own answer', async () => {
  await using scene = await FaultScene.create({
    retryInterval: 5,
    maxRetries: 10,
    retryBudget: 10_000,
    maxRequestsPerStream: 5
  })
  await scene.serve(request => request)
  scene.network.faults.set({ latency: 2, jitter: 2, loss: 0.05, lossMode: 'reset', errorRate: 0.05, packetSize: 64 })
  await repeat(1_000, 64, async index => {
    expect(textOf(await scene.client.send(scene.far.peerId, PROTOCOL, bytesOf(`call ${index}`)))).toBe(`call ${index}`)
  })
  expect(scene.client.getMetrics().retries).toBeGreaterThan(10)
  await scene.nothingLeft()
})
