import { expect, it } from 'vitest'
import { Client, PointSubError, Server } from '../../../src/index.ts'
import { createNetwork, type FaultOptions, type InjectedFault } from '../../../src/testing/index.ts'
import { randomBody, sameBytes, u32 } from '../../support/bytes.ts'
import { armedTimers, forgetArmedTimers } from '../../support/timers.ts'
import { timeOf } from './lines.ts'

const PROTOCOL = '/network/1.0.0'

it('has 50 hosts in a moment, which all reach each other by peer id', async () => {
  forgetArmedTimers()
  await using network = await createNetwork({ hosts: 49 })
  await network.addHost()
  const { hosts } = network
  expect(hosts.length).toBe(50)
  expect(new Set(hosts.map(host => host.peerId.toString())).size).toBe(50)
  expect(hosts.every(host => host.status === 'started' && host.getMultiaddrs().length === 1)).toBe(true)
  await Promise.all(hosts.map(async host => new Server(host).start(PROTOCOL, request => request)))
  const calls = hosts.map(async (host, i) => {
    const next = hosts[(i + 1) % hosts.length] ?? host
    const answer = await new Client(host).send(next.peerId, PROTOCOL, u32(i))
    return sameBytes(answer, u32(i))
  })
  expect((await Promise.all(calls)).every(Boolean)).toBe(true)
  expect(await timeOf(() => network.stop())).toBeLessThan(10_000)
  expect(hosts.every(host => host.status === 'stopped' && host.getConnections().length === 0)).toBe(true)
  expect(armedTimers()).toEqual([])
})

it('bears many calls at once on a connection that is new', async () => {
  await using network = await createNetwork()
  const [a, b] = network.hosts
  if (a === undefined || b === undefined) throw new Error('not two hosts')
  await using server = new Server(b)
  await server.start(PROTOCOL, request => request)
  await using client = new Client(a, { maxStreamsPerPeer: 500 })
  const calls = Array.from({ length: 500 }, (_, i) => client.send(b.peerId, PROTOCOL, u32(i)))
  expect((await Promise.all(calls)).length).toBe(500)
})

it('has the same peer ids for the same seed, also at the same time', async () => {
  const ids = async (seed: number): Promise<string[]> => {
    const network = await createNetwork({ hosts: 3, seed })
    networks.push(network)
    return network.hosts.map(host => host.peerId.toString())
  }
  const networks: AsyncDisposable[] = []
  const [one, same, other] = [await ids(7), await ids(7), await ids(8)]
  expect(one).toEqual(same)
  expect(one.filter(id => other.includes(id))).toEqual([])
  await Promise.all(networks.map(async network => network[Symbol.asyncDispose]()))
})

const FAULTS: FaultOptions = {
  latency: 1,
  jitter: 1,
  loss: 0.1,
  stallTime: 2,
  errorRate: 0.2,
  packetSize: 64
}

/** What three hosts see of some calls, and what was injected. On the wire that opens more than one stream. */
async function run(seed: number, faults: FaultOptions): Promise<{ outcomes: string[]; log: readonly InjectedFault[] }> {
  await using network = await createNetwork({ hosts: 3, seed, faults })
  const [a, b, c] = network.hosts
  if (a === undefined || b === undefined || c === undefined) throw new Error('not three hosts')
  await Promise.all([b, c].map(async host => new Server(host).start(PROTOCOL, request => request)))
  const caller = async (to: typeof b): Promise<string[]> => {
    await using client = new Client(a, { wire: 'plain', maxStreamsPerPeer: 1, maxRequestsPerStream: 10, maxRetries: 0 })
    const outcomes: string[] = []
    for (let i = 0; i < 60; i++) {
      const body = new Uint8Array(40).fill(i)
      const outcome = await client.send(to.peerId, PROTOCOL, body).then(
        answer => `answered ${answer.join()}`,
        (error: unknown) => (error instanceof PointSubError ? error.code : String(error))
      )
      outcomes.push(outcome)
    }
    return outcomes
  }
  const outcomes = (await Promise.all([caller(b), caller(c)])).flat()
  return { outcomes, log: network.faults.log }
}

it('injects the same faults for the same seed, whatever the event loop does; others for another', async () => {
  const faults = { ...FAULTS, corruption: 0 }
  const one = await run(5, faults)
  const again = await run(5, FAULTS)
  expect(one.log.length).toBeGreaterThan(10)
  expect(new Set(one.log.map(({ kind }) => kind))).toEqual(new Set(['stall', 'error']))
  expect(again).toEqual(one)
  const other = await run(6, FAULTS)
  expect(other.log).not.toEqual(one.log)
})

it('injects the same resets for the same seed, and calls fail at the same places', async () => {
  const faults: FaultOptions = { loss: 0.01, lossMode: 'reset', packetSize: 64, latency: 1, jitter: 1 }
  const one = await run(5, faults)
  expect(one.outcomes).toContain('ERR_STREAM_RESET')
  expect(await run(5, faults)).toEqual(one)
})

it('a handle sets faults for some peers, the one for the fewest links wins', async () => {
  await using network = await createNetwork({ hosts: 3, faults: { latency: 1 } })
  const [a, b, c] = network.hosts
  if (a === undefined || b === undefined || c === undefined) throw new Error('not three hosts')
  const { faults } = network
  await using server = new Server(b)
  await server.start(PROTOCOL, request => request)
  await using client = new Client(a)
  const call = (): Promise<number> => timeOf(() => client.send(b.peerId, PROTOCOL, randomBody(10)))
  await call()
  faults.set({ latency: 150 }, a)
  faults.set({ latency: 300 }, c)
  expect(await call()).toBeGreaterThan(300)
  faults.set({}, b.peerId, a.peerId.toString())
  expect(await call()).toBeLessThan(150)
  expect(faults.get(a)).toEqual({ latency: 150 })
  faults.clear(a, b)
  expect(await call()).toBeGreaterThan(300)
  faults.clear()
  expect(await call()).toBeLessThan(150)
  expect(faults.get()).toBeUndefined()
})
