import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Wire } from '../../../src/core/wire.ts'
import type { ClientOptions, PointSubError } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { PROTOCOL, repeat } from '../../support/rpc.ts'
import { within } from '../../support/until.ts'
import { notNow, type PerWire, WIRES } from '../../support/wires.ts'
import { FAULT_ROWS, type FaultRow, type Outcome } from './fault-rows.ts'
import { FaultScene } from './fault-scene.ts'
import { REFUSAL_ROWS } from './refusal-rows.ts'

interface Case {
  readonly row: FaultRow
  readonly wire: Wire
  readonly outcome: Outcome
}

const CASES = [...FAULT_ROWS, ...REFUSAL_ROWS].flatMap(row =>
  WIRES.flatMap(wire => {
    const outcome = row[wire]
    return outcome === undefined ? [] : [{ row, wire, outcome, what: row.what, told: outcome.join(', ') }]
  })
)

/** What a call gets, and how often it was tried again. */
async function play({ row, wire }: Case, options: ClientOptions): Promise<{ failure: PointSubError; retries: number }> {
  const client = { retryInterval: 10, maxRetries: 2, ...row.options, ...options }
  await using scene = await FaultScene.create({ wire, client, server: row.server })
  await row.before(scene)
  const aborter = new AbortController()
  const { protocol = PROTOCOL, request = bytesOf('request') } = row
  const { signal } = aborter
  const call = failureOf(scene.client.send(scene.address, protocol, request, { signal }))
  await row.during?.(scene, () => aborter.abort())
  const failure = await within(10_000, 'the call ends', call)
  const { retries, activeRequests } = scene.client.getMetrics()
  expect(activeRequests).toBe(row.what.includes('waits for its turn') ? 1 : 0)
  await scene.nothingLeft()
  return { failure, retries }
}

describe.each(CASES)('$what, on the $wire wire', played => {
  const { row, outcome } = played
  const [code, sent, retried, who] = outcome

  it(`gives ${outcome.join(', ')}, and leaves nothing`, async () => {
    const idempotent = await play(played, {})
    expect(idempotent.failure).toMatchObject({ code: row.later ?? code, sent })
    expect(idempotent.retries > 0, 'an idempotent request is tried again').toBe(retried !== 'never')
    const { failure, retries } = await play(played, { idempotent: false })
    expect(failure).toMatchObject({ code, sent, remote: who === 'remote', protocol: row.protocol ?? PROTOCOL })
    expect(failure.peer).toBeDefined()
    expect(retries > 0, 'any other request is tried again').toBe(retried === 'always')
  })
})

it.each(WIRES)('aborted while it waits for its next try on the %s wire, a call ends at once', async wire => {
  await using scene = await FaultScene.create({ wire, client: { retryInterval: 60_000, timeout: 120_000 } })
  await scene.serve(() => Promise.reject(notNow()))
  const aborter = new AbortController()
  const call = failureOf(scene.client.send(scene.far.peerId, PROTOCOL, bytesOf('x'), { signal: aborter.signal }))
  await sleep(100)
  aborter.abort()
  expect(await within(1_000, 'the call ends', call)).toMatchObject({ code: 'ERR_ABORTED', sent: true })
  expect(scene.seen).toBe(1)
  await scene.nothingLeft()
})

describe.each(WIRES)('a clock that jumps, on the %s wire,', wire => {
  afterEach(() => vi.useRealTimers())

  it.each([-86_400_000, 86_400_000])('by %d ms ends no call and no stream', async jump => {
    await using scene = await FaultScene.create({ wire, client: { timeout: 5_000 } })
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

it.each(WIRES)(
  'over a bad network every idempotent call is answered, with its own answer, on the %s wire',
  async wire => {
    const client = { retryInterval: 5, maxRetries: 10, retryBudget: 10_000, maxRequestsPerStream: 5 }
    await using scene = await FaultScene.create({ wire, client })
    await scene.serve(request => request)
    // A session that is reset takes all of its calls along.
    const loss: PerWire<number> = { plain: 0.05, mux: 0.002 }
    const resets = { loss: loss[wire], lossMode: 'reset' } as const
    scene.network.faults.set({ latency: 2, jitter: 2, errorRate: 0.05, packetSize: 64, ...resets })
    await repeat(1_000, 64, async index => {
      expect(textOf(await scene.client.send(scene.far.peerId, PROTOCOL, bytesOf(`call ${index}`)))).toBe(
        `call ${index}`
      )
    })
    expect(scene.client.getMetrics().retries).toBeGreaterThan(10)
    await scene.nothingLeft()
  }
)
