import { expect, it } from 'vitest'
import { ChildPeer } from '../../support/child.ts'
import { ECHO } from '../../support/child-roles.ts'
import { ourHost } from '../../support/hosts.ts'
import { connectTo, expectBounded, leak, leakToChild } from '../../support/leaky-client.ts'
import { until } from '../../support/until.ts'

it('a client that leaves 2,000 streams open is answered each time, and its streams are reaped', async () => {
  const { usage } = await leakToChild({ requests: 2_000, concurrency: 16 })
  expectBounded(usage, 2_000)
  expect(usage.mostStreams).toBeLessThan(2_000)
})

it('a client that admits only 151 streams itself, as Go does, gets its places back in time', async () => {
  const { usage, outcome } = await leakToChild({ requests: 600, concurrency: 16, maxStreams: 151 })
  expectBounded(usage, 600)
  expect(outcome.mostStreams).toBe(151)
  expect(outcome.waits, 'it did run into its limit').toBeGreaterThan(0)
})

it('streams that were left open go down to maxIdlePerPeer, and the connection serves on', async () => {
  await using host = await ourHost()
  await using child = await ChildPeer.start({ kind: 'measured-server', options: { maxIdlePerPeer: 10 } })
  const connection = await connectTo(host, child.address)
  await leak(connection, ECHO, { requests: 100, concurrency: 8 })
  const open = (): number => connection.streams.filter(({ protocol }) => protocol === ECHO).length
  await until('the streams are reaped', open, streams => streams === 10)
  await leak(connection, ECHO, { requests: 10, concurrency: 1 })
  await until('they are reaped again', open, streams => streams === 10)
  const { metrics } = await child.usage()
  expect(metrics).toMatchObject({ totalRequests: 110, failedRequests: 0, activeRequests: 0, activeConns: 10 })
})

it('four leaky clients at once are served alike', async () => {
  await using child = await ChildPeer.start({ kind: 'measured-server', options: {} })
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      await using host = await ourHost()
      await leak(await connectTo(host, child.address), ECHO, { requests: 400, concurrency: 8 })
    })
  )
  expectBounded(await child.usage(), 1_600)
})
