import { describe, expect, it } from 'vitest'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { until } from '../../support/until.ts'

describe('timers of libp2p that do not hold the process', () => {
  it('ping every connection, also once the host was stopped and started', async () => {
    await using server = await ourHost()
    // A ping so early and so often may fail on a busy machine, and libp2p would cut the connection for it.
    const connectionMonitor = { pingInterval: 20, abortConnectionOnPingFailure: false }
    await using client = await ourHost({ libp2p: { connectionMonitor } })
    for (let round = 0; round < 2; round++) {
      const connection = await client.dial(addressOf(server))
      await until(
        'a ping came back',
        () => connection.rtt,
        rtt => rtt !== undefined
      )
      await client.stop()
      await client.start()
    }
  })

  it('let the addresses be noted', async () => {
    await using host = await ourHost()
    const noted = Promise.withResolvers<string[]>()
    host.addEventListener('self:peer:update', ({ detail }) => {
      const addresses = detail.peer.addresses.map(each => each.multiaddr.toString())
      if (addresses.length > 0) noted.resolve(addresses)
    })
    const [address] = (await noted.promise).map(each => `${each}/p2p/${host.peerId.toString()}`)
    expect(address).toBe(addressOf(host).toString())
  })

  it('are left out when the monitor is switched off', async () => {
    await using host = await ourHost({ libp2p: { connectionMonitor: { enabled: false } } })
    expect(host.status).toBe('started')
  })
})
