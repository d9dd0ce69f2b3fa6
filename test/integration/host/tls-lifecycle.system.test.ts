import { getEventListeners } from 'node:events'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { describe, expect, it } from 'vitest'
import { randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { OWN_WAYS, TlsPair, tlsNode, WAYS } from '../../support/tls/nodes.ts'
import { acceptAll, digestOf, openBoth, sendAll } from '../../support/tls/streams.ts'
import { until } from '../../support/until.ts'

/** What of this kind holds the process. */
function held(): string[] {
  return process.getActiveResourcesInfo().filter(name => /Socket|TLS|Timeout|Pipe/.test(name))
}

describe.each(WAYS)('TLS, $dialler to $listener', ways => {
  const count = OWN_WAYS.includes(ways) ? 100 : 20
  it(`${count} connections one after the other leave nothing behind`, async () => {
    await using pair = await TlsPair.create(ways)
    const accepted = await acceptAll(pair.listener)
    const before = held()
    const signal = new AbortController().signal
    for (let i = 0; i < count; i += 1) {
      const dialled = await pair.dialler.dial(addressOf(pair.listener), { signal })
      const { near, far } = await openBoth(dialled, accepted)
      near.stream.send(randomBody(100))
      await near.stream.close()
      await far.all()
      if (i % 2 === 0) await dialled.close()
      else dialled.abort(new Error('the test is over'))
    }
    await pair.disconnected()
    await until('nothing is left', held, left => left.length <= before.length)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('an identity', () => {
  const KEYS = {
    Ed25519: () => generateKeyPair('Ed25519'),
    secp256k1: () => generateKeyPair('secp256k1'),
    RSA: () => generateKeyPair('RSA', 2048)
  }

  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)(
    'of type %s is proved to ours and to libp2p, and by them',
    async type => {
      const privateKey = await KEYS[type]()
      for (const { dialler, listener } of WAYS) {
        await using one = await tlsNode(dialler, { privateKey })
        await using other = await tlsNode(listener)
        const accepted = await acceptAll(other)
        const connection = await one.dial(addressOf(other))
        const { near, far } = await openBoth(connection, accepted)
        const body = randomBody(1_000)
        await sendAll(near.stream, [body])
        await near.stream.close()
        expect(await far.all()).toEqual(digestOf(body))
        expect(other.getConnections()[0]?.remotePeer.equals(one.peerId)).toBe(true)
        await connection.close()
        const back = await other.dial(addressOf(one))
        expect(back.remotePeer.equals(one.peerId)).toBe(true)
      }
    }
  )
})
