import { setTimeout as rest } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { KIB, MIB, randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { OWN_WAYS, TlsPair, WAYS } from '../../support/tls/nodes.ts'
import { TcpProxy } from '../../support/tls/proxy.ts'
import { acceptAll, digestOf, openBoth, sendAll } from '../../support/tls/streams.ts'
import { until, within } from '../../support/until.ts'

const IDLE = 1_000
const STREAMS = 8

// libp2p's own, when it sends, is not held back by anybody.
describe.each(WAYS.filter(({ dialler }) => dialler !== 'stock'))('TLS, $dialler to $listener', ways => {
  it('a reader that takes a break holds back who sends, and gets all of it afterwards', async () => {
    await using pair = await TlsPair.create(ways)
    const accepted = await acceptAll(pair.listener)
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    const { dialled } = await pair.connect(proxy.address())
    const streams = await inTurn(STREAMS, () => openBoth(dialled, accepted))
    for (const socket of proxy.sockets('dialler')) socket.pause()
    const chunks = Array.from({ length: 64 }, () => randomBody(64 * KIB))
    let sent = 0
    const sending = streams.map(async ({ near }) => {
      for (const chunk of chunks) {
        await sendAll(near.stream, [chunk])
        sent += chunk.byteLength
      }
      await near.stream.close()
    })
    await settled(() => sent)
    // The operating system takes some, and each stream's window lets one more chunk wait.
    expect(sent).toBeLessThan((STREAMS * chunks.length * 64 * KIB) / 2)
    for (const socket of proxy.sockets('dialler')) socket.resume()
    await Promise.all(sending)
    for (const { far } of streams) expect(await far.all()).toEqual(digestOf(...chunks))
  })

  it('who does not read one stream still reads the others', async () => {
    await using pair = await TlsPair.create(ways, { yamux: { streamOptions: { maxReadBufferLength: 32 * MIB } } })
    const accepted = await acceptAll(pair.listener)
    const { dialled } = await pair.connect()
    const [slow, fast] = await inTurn(2, () => openBoth(dialled, accepted))
    if (slow === undefined || fast === undefined) throw new Error('no streams')
    slow.far.stream.pause()
    const chunks = Array.from({ length: 16 }, () => randomBody(MIB))
    const sending = sendAll(slow.near.stream, chunks).then(async () => slow.near.stream.close())
    await sendAll(fast.near.stream, chunks)
    await fast.near.stream.close()
    expect(await fast.far.all()).toEqual(digestOf(...chunks))
    expect(slow.far.length).toBeLessThan(MIB)
    slow.far.stream.resume()
    await sending
    expect(await slow.far.all()).toEqual(digestOf(...chunks))
  })
})

describe.each(OWN_WAYS)("the transport's idle timeout, $dialler to $listener", ways => {
  const NEVER = 600_000
  it.each([
    ['dialler', { outboundSocketInactivityTimeout: IDLE, inboundSocketInactivityTimeout: NEVER }],
    ['listener', { outboundSocketInactivityTimeout: NEVER, inboundSocketInactivityTimeout: IDLE }]
  ] as const)('ends the connection of the %s when nothing comes or goes, and not before', async (who, tcp) => {
    await using pair = await TlsPair.create(ways, { tcp })
    const accepted = await acceptAll(pair.listener)
    const { dialled, accepted: other } = await pair.connect()
    const closed = new Promise<Error | undefined>(resolve => {
      const connection = who === 'dialler' ? dialled : other
      connection.addEventListener('close', ({ error }) => resolve(error), { once: true })
    })
    const { near, far } = await openBoth(dialled, accepted)
    // Only the dialler has something to say, apart from what yamux answers.
    for (let i = 0; i < 12; i += 1) {
      near.stream.send(randomBody(1))
      await rest(IDLE / 8)
    }
    expect(far.length).toBeGreaterThan(5)
    expect([dialled.status, other.status]).toEqual(['open', 'open'])
    const start = performance.now()
    expect(await within(10 * IDLE, 'the connection ends', closed)).toMatchObject({ name: 'TimeoutError' })
    expect(performance.now() - start).toBeGreaterThan(IDLE / 2)
    await pair.disconnected()
  })
})

async function inTurn<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let i = 0; i < count; i += 1) made.push(await make())
  return made
}

/** Waits until what `look` sees has not changed for some time. */
async function settled(look: () => number): Promise<void> {
  let seen = look()
  let since = performance.now()
  await until(
    'nothing changes any more',
    () => {
      if (look() !== seen) [seen, since] = [look(), performance.now()]
      return { seen, for: performance.now() - since }
    },
    ({ for: time }) => time > 300
  )
}
