import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { dial, type Host, type Listener, listen } from '../../../src/index.ts'
import { Transporter } from '../../../src/smts/index.ts'
import { createNetwork } from '../../../src/testing/index.ts'
import { bytesOf, MIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { HostPair } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { raise } from '../../support/raise.ts'
import { collect, pattern } from '../../support/smts.ts'
import { until } from '../../support/until.ts'

const PROTOCOL = '/smts/1.0.0'
const PIECE = 64 * 1024

/** A transporter at both ends of one stream, over TCP or in memory. */
async function withPair(where: string, test: (near: Transporter, far: Transporter) => Promise<void>): Promise<void> {
  if (where === 'TCP') {
    await using hosts = await HostPair.create()
    await using listener = await listen(hosts.server, PROTOCOL)
    await connected(hosts.client, hosts.address.toString(), listener, test)
    await nothingLeft(PROTOCOL, hosts.both)
    return
  }
  await using network = await createNetwork()
  const [client = raise('no host'), server = raise('no host')] = network.hosts
  await using listener = await listen(server, PROTOCOL)
  await connected(client, server.peerId.toString(), listener, test)
}

async function connected(
  client: Host,
  peer: string,
  listener: Listener,
  test: (near: Transporter, far: Transporter) => Promise<void>
): Promise<void> {
  const accepted = listener.accept()
  await using near = new Transporter(await dial(client, peer, PROTOCOL))
  // A stream that was dialled for nothing yet may come with its first bytes.
  await near.sendHeartbeat()
  await using far = new Transporter(await accepted)
  await test(near, far)
}

describe.for(['TCP', 'memory'])('over %s', where => {
  it('messages go both ways, and each side ends its own', () =>
    withPair(where, async (near, far) => {
      const bodies = [0, 1, 65_535, 65_536, 3 * MIB].map(randomBody)
      const echo = (async () => {
        for (let body = await far.receive(); body !== null; body = await far.receive()) await far.send(body)
        await far.send(bytesOf('that was all'))
        await far.closeWrite()
      })()
      for (const body of bodies) {
        await near.send(body)
        expect(sameBytes((await near.receive()) ?? new Uint8Array(9), body)).toBe(true)
      }
      await near.closeWrite()
      expect(textOf((await near.receive()) ?? new Uint8Array())).toBe('that was all')
      expect(await near.receive()).toBeNull()
      await echo
    }))

  it('a long stream is held back by a slow reader, and arrives whole', () =>
    withPair(where, async (near, far) => {
      const hash = createHash('sha256')
      let taken = 0
      const source = function* (): Generator<Uint8Array> {
        for (; taken < 96 * MIB; taken += PIECE) {
          const piece = randomBody(PIECE)
          hash.update(piece)
          yield piece
        }
      }
      const sending = near.sendStream(source())
      const stream = far.receiveStream()
      const received = createHash('sha256').update((await stream.next()).value ?? new Uint8Array())
      // It comes to rest: nothing more is taken while nobody reads.
      let seen = -1
      await until(
        'the sender rests',
        () => {
          const before = seen
          seen = taken
          return before === taken
        },
        rests => rests
      )
      expect(taken).toBeLessThan(24 * MIB)
      let length = PIECE
      for await (const chunk of stream) {
        length += chunk.byteLength
        received.update(chunk)
      }
      await sending
      expect(length).toBe(96 * MIB)
      expect(received.digest('hex')).toBe(hash.digest('hex'))
    }))

  it('streams go both ways at once, with messages behind them', () =>
    withPair(where, async (near, far) => {
      const [one, other] = [randomBody(5 * MIB), randomBody(4 * MIB + 1)]
      const send = async (transporter: Transporter, body: Uint8Array): Promise<void> => {
        await transporter.sendStream([body.subarray(0, 70_000), body.subarray(70_000)])
        await transporter.send(bytesOf('done'))
      }
      const receive = async (transporter: Transporter): Promise<[Uint8Array, string]> => {
        const body = await collect(transporter.receiveStream())
        return [body, textOf((await transporter.receive()) ?? new Uint8Array())]
      }
      const [, , [atFar, farText], [atNear, nearText]] = await Promise.all([
        send(near, one),
        send(far, other),
        receive(far),
        receive(near)
      ])
      expect([sameBytes(atFar, one), sameBytes(atNear, other)]).toEqual([true, true])
      expect([farText, nearText]).toEqual(['done', 'done'])
    }))

  it('bytes without frames go through the Conn below, when no transporter is asked', () =>
    withPair(where, async (near, far) => {
      await near.send(bytesOf('from here on bytes'))
      expect(textOf((await far.receive()) ?? new Uint8Array())).toBe('from here on bytes')
      await near.conn.write(pattern(1000))
      expect(await far.conn.readFull(1000)).toEqual(pattern(1000))
      await near.closeWrite()
      expect(await far.conn.read()).toBeNull()
    }))

  it('a peer that goes away in the middle of a stream is an error', () =>
    withPair(where, async (near, far) => {
      const received = failureOf(collect(far.receiveStream()))
      const source = Promise.withResolvers<never>()
      const sending = failureOf(
        near.sendStream(
          (async function* () {
            yield pattern(1000)
            yield await source.promise
          })()
        )
      )
      await until(
        'the first frame is there',
        () => far.conn.bytesRead,
        bytes => bytes > 1000
      )
      near.conn.reset()
      source.resolve(undefined as never)
      expect((await received).code).toBe('ERR_STREAM_RESET')
      await sending
    }))
})
