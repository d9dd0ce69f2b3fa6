import { describe, expect, it } from 'vitest'
import { Client, type Handler, PointSubError, Server } from '../../../src/index.ts'
import { createNetwork } from '../../../src/testing/index.ts'
import { bytesOf, MIB, randomBody } from '../../support/bytes.ts'
import { ChildPeer } from '../../support/child.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

interface Told {
  /** When, on performance.now()'s clock. */
  readonly at: number
  readonly reason: unknown
}

/** Handlers that wait for their signal, and when it came. */
class Patient {
  readonly told: Told[] = []
  entered = 0

  readonly handler: Handler = (request, { signal }) => {
    this.entered += 1
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.told.push({ at: performance.now(), reason: signal.reason })
        reject(signal.reason)
      })
      if (request.byteLength === 0) reject(new Error('unused'))
    })
  }

  async all(count: number): Promise<readonly Told[]> {
    return until(
      'handlers are told',
      () => this.told,
      told => told.length >= count
    )
  }
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
const TIMED_OUT = { code: 'ERR_TIMEOUT', protocol: PROTOCOL }

describe('the deadline of a call', () => {
  it('reaches the signal of its handler in time, also when its client cannot say that it is over', async () => {
    const patient = new Patient()
    await using network = await createNetwork()
    const [there, here] = network.hosts
    if (there === undefined || here === undefined) throw new Error('no hosts')
    await using server = new Server(there, { wire: 'mux' })
    await using client = new Client(here, { wire: 'mux', maxRetries: 0, enableCompression: false })
    await server.start(PROTOCOL, patient.handler)
    await failureOf(client.send(there.peerId, PROTOCOL, new Uint8Array(0)))

    // When each call was over on the side of its caller, whose timers are as late as the server's in this process.
    const call = async (body: Uint8Array, timeout: number): Promise<number> => {
      const error = await failureOf(client.send(there.peerId, PROTOCOL, body, { timeout }))
      expect(error).toMatchObject({ code: 'ERR_TIMEOUT', sent: true, remote: false })
      return performance.now()
    }
    const calls = Array.from({ length: 20 }, (_, index) => call(Uint8Array.of(1), 800 + index * 5))
    // Its body takes some 200 ms of its time: its handler is called late.
    network.faults.set({ bandwidth: 2.5 * MIB })
    calls.push(call(randomBody(MIB / 2), 1_000))
    await until(
      'all are being handled',
      () => patient.entered,
      entered => entered === 1 + calls.length
    )
    network.faults.partition()
    const over = await Promise.all(calls)
    const told = await patient.all(calls.length)
    for (const { reason } of told) expect(reason).toMatchObject(TIMED_OUT)
    const late = told.map(({ at }, index) => at - (over[index] ?? 0))
    expect(Math.abs(median(late))).toBeLessThan(50)
    // The last one is the one that was called late.
    expect(Math.abs(late.at(-1) ?? Infinity)).toBeLessThan(100)
    expect(server.getMetrics()).toMatchObject({ activeRequests: 0, failedRequests: 1 + calls.length })
    network.faults.heal()
  })

  it('leaves handlers alone that have ended, or whose caller has none', async () => {
    const signals: AbortSignal[] = []
    const handler: Handler = (request, { signal }) => {
      signals.push(signal)
      return request
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    await rpc.send(bytesOf('not at all'), { timeout: Infinity })
    await rpc.send(bytesOf('soon'), { timeout: 100 })
    await rpc.send(bytesOf('later'), { timeout: 150 })
    // Their deadlines pass.
    await new Promise(resolve => setTimeout(resolve, 160))
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false])
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

describe('when the process of a client is killed', () => {
  it.each([
    ['with small requests being handled', 10, 20],
    ['with large requests half sent', 32 * MIB, 4]
  ])('%s, handlers are told and nothing of it is left', async (_, bytes, calls) => {
    await using host = await ourHost()
    await using server = new Server(host, { wire: 'mux' })
    const patient = new Patient()
    await server.start(PROTOCOL, patient.handler)
    const address = addressOf(host).toString()
    await using child = await ChildPeer.start({ kind: 'caller', address, protocol: PROTOCOL, calls, bytes })
    const isLarge = bytes > MIB
    await until(
      'requests are there',
      () => ({ entered: patient.entered, streams: server.getConnectionsInfo().length }),
      ({ entered, streams }) => (isLarge ? streams === 2 : entered === calls)
    )
    await child.kill()
    for (const { reason } of await patient.all(isLarge ? 0 : calls)) expect(reason).toBeInstanceOf(PointSubError)
    await nothingLeft(PROTOCOL, [host])
    await until(
      'the server has forgotten it',
      () => server.getMetrics(),
      ({ activeConns, activeRequests }) => activeConns === 0 && activeRequests === 0
    )
    await using again = await ourHost()
    await using client = new Client(again, { wire: 'mux', maxRetries: 0 })
    expect(await failureOf(client.send(address, PROTOCOL, new Uint8Array(0)))).toMatchObject({ code: 'ERR_REMOTE' })
  })
})
