import type { Connection } from '@libp2p/interface'
import { expect } from 'vitest'
import { Client, type ServerOptions } from '../../src/index.ts'
import { bytesOf, KIB, MIB, textOf, u32 } from './bytes.ts'
import { ChildPeer } from './child.ts'
import { ECHO } from './child-roles.ts'
import { ourHost, type TestHost } from './hosts.ts'
import { connectTo } from './leaky-client.ts'
import { RawStream } from './raw.ts'
import { turn } from './until.ts'

const CHUNK = new Uint8Array(16 * KIB)

/** A peer that announces 32 MiB on each of many streams, sends a little on each by turns, and never all of it. */
export class Dribble {
  readonly streams: RawStream[]
  bytesSent = 0

  private constructor(streams: RawStream[]) {
    this.streams = streams
  }

  static async open(connection: Connection, protocol: string, count: number): Promise<Dribble> {
    const streams: RawStream[] = []
    for (let opened = 0; opened < count; opened += 1) {
      const raw = await RawStream.open(connection, protocol)
      raw.send(u32(32 * MIB))
      streams.push(raw)
    }
    return new Dribble(streams)
  }

  /** Streams that the other side has not reset. */
  get alive(): number {
    return this.streams.filter(({ isOver }) => !isOver).length
  }

  /** Sends until `bytes` have gone out in all, or the other side has reset every stream. */
  async pour(bytes: number): Promise<void> {
    const end = this.bytesSent + bytes
    while (this.bytesSent < end && this.alive > 0) {
      const alive = this.streams.filter(({ isOver }) => !isOver)
      // All get as much, so that none is larger than the others.
      if (!alive.some(({ stream }) => stream.writableNeedsDrain)) {
        for (const raw of alive) raw.send(CHUNK)
        this.bytesSent += alive.length * CHUNK.byteLength
      }
      await turn()
    }
  }

  end(): void {
    for (const { stream } of this.streams) stream.abort(new Error('enough'))
  }
}

/** Calls, one after the other, for as long as `attack` takes; how many were answered. Throws if one was not. */
export async function politelyDuring(
  host: TestHost,
  address: string,
  protocol: string,
  attack: Promise<void>
): Promise<number> {
  await using client = new Client(host, { wire: 'plain', maxRetries: 0 })
  const state = { over: false }
  let answered = 0
  const ended = attack.finally(() => {
    state.over = true
  })
  while (!state.over || answered === 0) {
    expect(textOf(await client.send(address, protocol, bytesOf(`call ${answered}`)))).toBe(`call ${answered}`)
    answered += 1
  }
  await ended
  return answered
}

/**
 * 1,000 streams dribble at a server in a process of its own, until it resets some. The process may grow by what one
 * peer may hold, by as much again (a buffer that grows is copied, and V8 frees the old one late), and by 100 MiB.
 */
export async function dribbleAtChild(options: ServerOptions, perPeer: number): Promise<void> {
  await using child = await ChildPeer.start({ kind: 'measured-server', options })
  await using attacker = await ourHost()
  await using polite = await ourHost()
  const { rss } = await child.usage()
  const dribble = await Dribble.open(await connectTo(attacker, child.address), ECHO, 1_000)
  let answered = 0
  for (let round = 0; round < 20; round += 1) {
    answered += await politelyDuring(polite, child.address, ECHO, dribble.pour(perPeer / 4))
    const { failures } = await child.usage()
    if ((failures['ERR_MEMORY_LIMIT'] ?? 0) > 100) break
  }
  const { mostRss, failures, metrics } = await child.usage()
  expect(failures).toEqual({ ERR_MEMORY_LIMIT: expect.any(Number) })
  expect(metrics).toMatchObject({ totalRequests: answered, failedRequests: 0, activeRequests: 0 })
  expect((mostRss - rss) / MIB, `${rss / MIB} MiB before`).toBeLessThan((2 * perPeer) / MIB + 100)
  dribble.end()
}
