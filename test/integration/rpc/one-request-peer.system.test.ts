import type { Stream } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { Client, type ClientOptions } from '../../../src/index.ts'
import { bytesOf, frameOf, textOf } from '../../support/bytes.ts'
import { HostPair, type PairOptions } from '../../support/hosts.ts'
import { nothingLeft, streamsOf } from '../../support/leftovers.ts'
import { handleRaw, onFrames } from '../../support/raw.ts'
import { turn } from '../../support/until.ts'

const PROTOCOL = '/old-go/1.0.0'

/** What one stream saw. */
interface Served {
  requests: number
}

/** A peer as Go PointSub v0 and v1.0: one request, one answer, FIN. `rest` is awaited between answer and FIN. */
class OneRequestPeer implements AsyncDisposable {
  readonly pair: HostPair
  readonly client: Client
  readonly served: Served[] = []
  mostStreams = 0

  private constructor(pair: HostPair, clientOptions?: ClientOptions) {
    this.pair = pair
    this.client = new Client(pair.client, { maxRetries: 0, ...clientOptions })
  }

  static async create(
    rest: (stream: Stream) => Promise<void>,
    options: PairOptions & { clientOptions?: ClientOptions; answers?: number } = {}
  ): Promise<OneRequestPeer> {
    const peer = new OneRequestPeer(await HostPair.create(options), options.clientOptions)
    const answers = options.answers ?? 1
    await handleRaw(peer.pair.server, PROTOCOL, stream => {
      const served: Served = { requests: 0 }
      peer.served.push(served)
      peer.mostStreams = Math.max(peer.mostStreams, streamsOf(PROTOCOL, peer.pair.server).length)
      stream.addEventListener('remoteCloseWrite', () => void stream.close())
      onFrames(stream, body => {
        served.requests += 1
        if (served.requests > answers) return
        stream.send(frameOf(body))
        if (served.requests < answers) return
        void rest(stream).then(() => stream.close())
      })
    })
    return peer
  }

  async call(text: string): Promise<string> {
    return textOf(await this.client.send(this.pair.address, PROTOCOL, bytesOf(text)))
  }

  async nothingLeft(): Promise<void> {
    await nothingLeft(PROTOCOL, this.pair.both)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.pair[Symbol.asyncDispose]()
  }
}

const RESTS: [string, (stream: Stream) => Promise<void>][] = [
  ['at once', () => Promise.resolve()],
  ['a turn of the event loop later', () => turn()],
  ['5 ms later', () => new Promise(resolve => setTimeout(resolve, 5))]
]

describe.each(RESTS)('a peer that ends each stream after one answer, %s', (_, rest) => {
  it('answers 50 calls one after the other and 200 at once', async () => {
    await using peer = await OneRequestPeer.create(rest)
    for (let index = 0; index < 50; index += 1) expect(await peer.call(`call ${index}`)).toBe(`call ${index}`)
    const answers = await Promise.all(Array.from({ length: 200 }, (__, index) => peer.call(`call ${index}`)))
    expect(answers).toEqual(answers.map((__, index) => `call ${index}`))
    expect(peer.served).toHaveLength(250)
    expect(peer.served.filter(({ requests }) => requests !== 1)).toEqual([])
    await peer.nothingLeft()
  })

  it('answers 200 calls at once on a cold connection, without the practice of earlier ones', async () => {
    await using peer = await OneRequestPeer.create(rest)
    const answers = await Promise.all(Array.from({ length: 200 }, (__, index) => peer.call(`call ${index}`)))
    expect(answers).toEqual(answers.map((__, index) => `call ${index}`))
    await peer.nothingLeft()
  })

  it('has no more streams at a time than the client may open, though each is used once', async () => {
    await using peer = await OneRequestPeer.create(rest, { clientOptions: { maxStreamsPerPeer: 16 } })
    await Promise.all(Array.from({ length: 200 }, (__, index) => peer.call(`call ${index}`)))
    expect(peer.mostStreams).toBeLessThanOrEqual(16)
    await peer.nothingLeft()
  })
})

describe('the habit of one request a stream', () => {
  const FIRST_FINS: [string, (stream: Stream) => Promise<void>][] = [
    ['a FIN behind the answer', () => turn()],
    [
      'a FIN in one packet with the answer',
      stream => {
        void stream.close()
        return Promise.resolve()
      }
    ]
  ]

  it.each(FIRST_FINS)('is learned from %s: from then on a late FIN costs no call', async (_, first) => {
    let late = false
    const rest = (stream: Stream): Promise<void> =>
      late ? new Promise(resolve => setTimeout(resolve, 100)) : first(stream)
    await using peer = await OneRequestPeer.create(rest)
    await peer.call('to be learned from')
    await peer.nothingLeft()
    late = true
    for (let index = 0; index < 10; index += 1) {
      expect(await peer.call(`call ${index}`)).toBe(`call ${index}`)
      await new Promise(resolve => setTimeout(resolve, 40))
    }
    const answers = await Promise.all(Array.from({ length: 100 }, (__, index) => peer.call(`call ${index}`)))
    expect(answers).toHaveLength(100)
    expect(peer.served.filter(({ requests }) => requests !== 1)).toEqual([])
    await peer.nothingLeft()
  })

  it('is learned from a failure at the latest, when the FIN came too late to be seen', async () => {
    // Far slower than any pause a client could make after each first answer.
    const rest = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 200))
    await using peer = await OneRequestPeer.create(rest)
    const outcomes = new Array<boolean>()
    for (let index = 0; index < 6; index += 1) {
      await new Promise(resolve => setTimeout(resolve, 60))
      outcomes.push(
        await peer.call(`call ${index}`).then(
          () => true,
          () => false
        )
      )
    }
    expect(outcomes.slice(2)).toEqual([true, true, true, true])
  })

  it('does not hide behind a busy event loop', async () => {
    await using peer = await OneRequestPeer.create(() => turn(), { clientOptions: { maxStreamsPerPeer: 4 } })
    // The FINs wait in the socket while timers that were to wait for them come due.
    const busy = setInterval(() => {
      for (const end = performance.now() + 40; performance.now() < end; );
    }, 50)
    try {
      const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => peer.call(`call ${index}`)))
      expect(answers).toEqual(answers.map((_, index) => `call ${index}`))
    } finally {
      clearInterval(busy)
    }
    await peer.nothingLeft()
  })

  it('is not taken from a peer that answers many', async () => {
    await using peer = await OneRequestPeer.create(() => Promise.resolve(), { answers: 1_000 })
    for (let index = 0; index < 100; index += 1) await peer.call(`call ${index}`)
    expect(peer.served).toHaveLength(1)
  })
})

describe('a peer that ends each stream after some answers', () => {
  it.each([2, 3, 10])('%i of them: no call is lost, one after the other', async answers => {
    await using peer = await OneRequestPeer.create(() => Promise.resolve(), { answers })
    for (let index = 0; index < 60; index += 1) {
      expect(await peer.call(`call ${index}`)).toBe(`call ${index}`)
      // Time for the FIN: one that crosses the next request could not be told from a failure.
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    expect(peer.served).toHaveLength(60 / answers)
  })
})
