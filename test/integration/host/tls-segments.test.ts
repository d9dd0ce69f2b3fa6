import { describe, expect, it } from 'vitest'
import { randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { eagerDial } from '../../support/tls/eager-dialler.ts'
import { TlsPair, tlsNode, WAYS } from '../../support/tls/nodes.ts'
import { TcpProxy } from '../../support/tls/proxy.ts'
import { acceptAll, digestOf, open, sendAll } from '../../support/tls/streams.ts'
import { until } from '../../support/until.ts'

const GATHERING = 30

describe.each(WAYS)('TLS, $dialler to $listener', ways => {
  it.each([
    ['when every byte comes in a segment of its own', { splits: true }],
    ['when what belongs to the handshake comes in one segment with what follows', { gathers: GATHERING }]
  ])('%s nothing is lost', async (_, how) => {
    await using pair = await TlsPair.create(ways, { yamux: { enableKeepAlive: true } })
    const { dialler, listener } = pair
    const there = await acceptAll(listener)
    const here = await acceptAll(dialler)
    await using proxy = Object.assign(await TcpProxy.before(addressOf(listener)), how)
    const bodies = { out: randomBody(3_000), back: randomBody(3_000) }
    // The listener speaks as soon as it can, too.
    const answering = new Promise<void>((resolve, reject) => {
      listener.addEventListener('connection:open', ({ detail }) => {
        open(detail)
          .then(async ({ stream }) => sendAll(stream, [bodies.back]).then(async () => stream.close()))
          .then(resolve, reject)
      })
    })
    const dialled = await dialler.dial(proxy.address(listener.peerId))
    const { stream } = await open(dialled)
    await sendAll(stream, [bodies.out])
    await stream.close()
    await answering
    for (const [received, body] of [
      [there, bodies.out],
      [here, bodies.back]
    ] as const) {
      await until(
        'the stream is accepted',
        () => received.length,
        count => count === 1
      )
      expect(await received[0]?.all()).toEqual(digestOf(body))
    }
  })
})

describe.each(['socket', 'stream'] as const)('accepting TLS over the %s', way => {
  it.each(['libp2p', 'dep2p'] as const)(
    'takes the first bytes of %s that come together with the choice of the handshake',
    async dialect => {
      await using listener = await tlsNode(way)
      const dialler = await eagerDial(addressOf(listener), dialect)
      try {
        await until(
          'the listener has the connection',
          () => listener.getConnections().map(({ remotePeer }) => remotePeer.toString()),
          peers => peers.includes(dialler.peer)
        )
      } finally {
        dialler.end()
      }
    }
  )
})
