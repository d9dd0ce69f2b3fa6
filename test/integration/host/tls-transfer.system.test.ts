import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../../support/bytes.ts'
import { Random } from '../../support/random.ts'
import { TlsPair, WAYS } from '../../support/tls/nodes.ts'
import { acceptAll, digestOf, open, openBoth, type Received, sendAll } from '../../support/tls/streams.ts'
import { turn, until } from '../../support/until.ts'

describe.each(WAYS)('TLS, $dialler to $listener', ways => {
  let pair: TlsPair
  let accepted: Received[]
  beforeEach(async () => {
    pair = await TlsPair.create(ways, { yamux: { maxEarlyStreams: 1_000 } })
    accepted = await acceptAll(pair.listener)
  })
  afterEach(async () => pair[Symbol.asyncDispose]())

  it('16 MiB both ways at once arrive unchanged', async () => {
    const { dialled } = await pair.connect()
    const { near, far } = await openBoth(dialled, accepted)
    const chunks = Array.from({ length: 16 }, () => randomBody(MIB))
    const back = chunks.toReversed()
    await Promise.all([sendAll(near.stream, chunks), sendAll(far.stream, back)])
    await Promise.all([near.stream.close(), far.stream.close()])
    expect(await far.all()).toEqual(digestOf(...chunks))
    expect(await near.all()).toEqual(digestOf(...back))
  })

  it('every one of 100 streams at once gets its own bytes', async () => {
    const { dialled } = await pair.connect()
    const bodies = Array.from({ length: 100 }, (_, i) => randomBody(i * 700))
    const streams = await Promise.all(bodies.map(async () => open(dialled)))
    await Promise.all(
      streams.map(async ({ stream }, i) => {
        await sendAll(stream, [bodies[i] ?? new Uint8Array(0)])
        await stream.close()
      })
    )
    await until(
      'all streams are accepted',
      () => accepted.length,
      count => count === 100
    )
    const digests = await Promise.all(accepted.map(async received => received.all()))
    const sorted = (all: { digest: string }[]): string[] => all.map(({ digest }) => digest).toSorted()
    expect(sorted(digests)).toEqual(sorted(bodies.map(body => digestOf(body))))
  })

  it.each([1, 2, 3])(
    'random sizes with random pauses on random streams arrive as they were sent (seed %d)',
    async seed => {
      const random = new Random(seed)
      const { dialled } = await pair.connect()
      await Promise.all(
        Array.from({ length: 1 + random.below(8) }, async () => {
          const { near, far } = await openSerially(() => openBoth(dialled, accepted))
          await Promise.all([talk(random, near, far), talk(random, far, near)])
        })
      )
    }
  )
})

let last: Promise<unknown> = Promise.resolve()

/** One after the other: which end belongs to which can be told only so. */
function openSerially<T>(openNext: () => Promise<T>): Promise<T> {
  const next = last.then(openNext)
  last = next.catch(() => {})
  return next
}

async function talk(random: Random, from: Received, to: Received): Promise<void> {
  const chunks: Uint8Array[] = []
  for (let left = random.below(60); left > 0; left -= 1) {
    const chunk = randomBody(random.pick([1, 5, 12, 1_000, 16_384, 16_385, 65_536, 300_000]) + random.below(3))
    chunks.push(chunk)
    await sendAll(from.stream, [chunk])
    if (random.chance(0.3)) await pauseFor(random.below(5), to)
  }
  await from.stream.close()
  expect(await to.all()).toEqual(digestOf(...chunks))
}

/** The reader takes nothing for so many turns, and the sender does not wait for it. */
async function pauseFor(turns: number, { stream }: Received): Promise<void> {
  if (stream.readStatus === 'readable') stream.pause()
  for (let i = 0; i < turns; i += 1) await turn()
  if (stream.readStatus === 'paused') stream.resume()
}
