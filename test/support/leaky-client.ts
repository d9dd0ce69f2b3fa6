import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect } from 'vitest'
import { bytesOf, frameOf, MIB, sameBytes, textOf } from './bytes.ts'
import { ChildPeer } from './child.ts'
import { ECHO, type ServerUsage } from './child-roles.ts'
import { ourHost, type TestHost } from './hosts.ts'
import { onFrames } from './raw.ts'
import { repeat } from './rpc.ts'
import { until } from './until.ts'

export interface LeakOptions {
  requests: number
  concurrency: number
  /** Streams this peer admits itself, as Go's resource manager does: one more fails until another one has ended. */
  maxStreams?: number | undefined
}

/** How a peer with a limit of its own fared. */
export interface LeakOutcome {
  /** Streams open at once, at the most. */
  mostStreams: number
  /** Times there was no place for one more, and the request had to wait. */
  waits: number
}

/** Go PointSub's client: a new stream for each request, and none is ever closed. Throws unless all are answered. */
export async function leak(connection: Connection, protocol: string, options: LeakOptions): Promise<LeakOutcome> {
  const { requests, concurrency, maxStreams = Number.POSITIVE_INFINITY } = options
  const outcome: LeakOutcome = { mostStreams: 0, waits: 0 }
  const open = new Set<Stream>()
  let opening = 0
  await repeat(requests, concurrency, async index => {
    while (open.size + opening >= maxStreams) {
      outcome.waits += 1
      await until(
        `a place for a stream among ${maxStreams}`,
        () => open.size + opening,
        streams => streams < maxStreams
      )
    }
    opening += 1
    const stream = await connection.newStream(protocol, { maxOutboundStreams: 100_000 })
    opening -= 1
    open.add(stream)
    outcome.mostStreams = Math.max(outcome.mostStreams, open.size)
    stream.addEventListener('close', () => open.delete(stream))
    await ask(stream, index)
  })
  return outcome
}

async function ask(stream: Stream, index: number): Promise<void> {
  const body = bytesOf(`request ${index}`)
  const answer = await new Promise<Uint8Array>((resolve, reject) => {
    onFrames(stream, resolve)
    const lost = (): void => reject(new Error(`request ${index} was lost`))
    stream.addEventListener('close', lost)
    stream.addEventListener('remoteCloseWrite', lost)
    stream.send(frameOf(body))
  })
  if (!sameBytes(answer, body)) throw new Error(`request ${index} got "${textOf(answer)}"`)
}

export function connectTo(host: TestHost, address: string): Promise<Connection> {
  return host.dial(multiaddr(address))
}

/** A leaky client against a server in a process of its own: how it fared, and what the server used. */
export async function leakToChild(options: LeakOptions): Promise<{ usage: ServerUsage; outcome: LeakOutcome }> {
  await using host = await ourHost()
  await using child = await ChildPeer.start({ kind: 'measured-server', options: {} })
  const outcome = await leak(await connectTo(host, child.address), ECHO, options)
  return { usage: await child.usage(), outcome }
}

/** Every request was answered once, and the server never had more than it may. */
export function expectBounded(usage: ServerUsage, requests: number): void {
  expect(usage.metrics).toMatchObject({ totalRequests: requests, failedRequests: 0, activeRequests: 0 })
  expect(usage.metrics.totalConnections).toBe(requests)
  expect(usage.failures).toEqual({})
  expect(usage.mostAbove, 'streams above maxStreams').toBeLessThanOrEqual(0)
  expect(usage.mostRss / MIB, 'MiB').toBeLessThan(300)
}
