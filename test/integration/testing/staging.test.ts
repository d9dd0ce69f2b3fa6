import { describe, expect, it } from 'vitest'
import { Client, dial, listen, Server } from '../../../src/index.ts'
import { withFaults } from '../../../src/testing/index.ts'
import { MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost, stockHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { forgetArmedTimers } from '../../support/timers.ts'
import { echo, readToEnd, timeOf } from './lines.ts'

const PROTOCOL = '/staging/1.0.0'

describe.each([
  ['createHost()', ourHost],
  ['a js-libp2p node', stockHost]
])('withFaults() over %s', (_, make) => {
  it('slows both directions of one side down, and the other side needs to know nothing', async () => {
    forgetArmedTimers()
    await using plain = await make()
    await using host = withFaults(await make(), { latency: 40, jitter: 10 })
    await using server = new Server(plain)
    await server.start(PROTOCOL, request => request)
    await using client = new Client(host)
    expect(await client.send(plain.getMultiaddrs(), PROTOCOL, randomBody(MIB))).toHaveLength(MIB)
    expect(await timeOf(() => client.send(plain.peerId, PROTOCOL, randomBody(10)))).toBeGreaterThanOrEqual(59)
    host.faults.clear()
    expect(await timeOf(() => client.send(plain.peerId, PROTOCOL, randomBody(10)))).toBeLessThan(59)
    await client.close()
    await nothingLeft(PROTOCOL, [plain, host])
  })

  it('works where it serves, and resets what it is told to', async () => {
    forgetArmedTimers()
    await using plain = await make()
    await using host = withFaults(await make(), { latency: 5, jitter: 5 })
    await using listener = await listen(host, PROTOCOL)
    const near = await dial(plain, addressOf(host), PROTOCOL)
    const far = await listener.accept()
    const echoed = echo(far)
    const body = randomBody(MIB)
    void near.write(body)
    void near.closeWrite()
    expect(sameBytes(await readToEnd(near), body)).toBe(true)
    await echoed
    const second = await dial(plain, host.peerId, PROTOCOL)
    await listener.accept()
    host.faults.reset(plain)
    expect(await failureOf(second.read())).toMatchObject({ code: 'ERR_STREAM_RESET' })
    await nothingLeft(PROTOCOL, [plain, host])
  })

  it('holds what comes while partitioned, new streams as well', async () => {
    await using plain = await make()
    await using host = withFaults(await make())
    await using listener = await listen(host, PROTOCOL)
    await plain.dial(addressOf(host))
    host.faults.partition(plain)
    const near = await dial(plain, addressOf(host), PROTOCOL)
    await near.write(randomBody(100))
    const accepting = listener.accept({ timeout: 100 })
    expect(await failureOf(accepting)).toMatchObject({ code: 'ERR_TIMEOUT' })
    host.faults.heal(plain)
    const far = await listener.accept()
    expect(await far.readFull(100)).toHaveLength(100)
  })
})

it('a host keeps what else it has', async () => {
  await using inner = await ourHost()
  const host = withFaults(inner, { latency: 1 })
  expect(host.peerId).toBe(inner.peerId)
  expect(host.getMultiaddrs()).toEqual(inner.getMultiaddrs())
  expect(host.status).toBe('started')
  expect('hold' in host && 'unref' in host && 'faults' in host).toBe(true)
  expect('faults' in inner).toBe(false)
  expect(() => withFaults(inner, { latency: -1 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CONFIG' }))
  await host.stop()
  expect(inner.status).toBe('stopped')
})
