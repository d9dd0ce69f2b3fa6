import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { closed, happens, type Log, type Play } from './play.ts'
import { logOf, type Scenario, useBothNets } from './same.ts'

const nets = useBothNets()

/** What is other than in Node on purpose: the logs of both, and why. */
async function logsOf(scenario: Scenario): Promise<{ node: Log; ours: Log }> {
  const [node, ours] = await Promise.all([logOf(nets().node, scenario), logOf(nets().ours, scenario)])
  return { node, ours }
}

describe('different from node:net on purpose', () => {
  it("an address has the family 'libp2p', and says the protocol as well", async () => {
    // A peer id is no IP address, and whoever takes it for one shall notice.
    const { server, client, address } = nets().ours
    const listening = server.createServer().listen(0)
    await happens(listening, 'listening')
    const own = listening.address() as { port: number }
    expect(own).toMatchObject({
      family: 'libp2p',
      protocol: `/net/${own.port}`,
      address: expect.stringMatching(/^\w{40,}$/)
    })
    const socket = client.connect({ port: own.port, host: address })
    const [accepted] = await happens(listening, 'connection')
    expect(accepted).toMatchObject({ remoteFamily: 'libp2p', localFamily: 'libp2p' })
    socket.destroy()
    listening.close()
    await happens(listening, 'close')
  })

  it("an error names the peer and the protocol besides Node's own properties", async () => {
    // A port alone says nothing where many peers serve the same.
    const { node, ours } = await logsOf(async play => {
      const socket = play.connect(await play.deserted())
      socket.on('error', error => play.note('error', Object.keys(error).join(' ')))
      await closed(socket)
    })
    expect(node).toEqual({ error: ['errno code syscall address port'] })
    expect(ours).toEqual({ error: ['errno code syscall address port peer protocol'] })
  })

  it('a write never leaves in the call of write() itself', async () => {
    // Node tries the kernel at once; libp2p says in a later turn what it took. Streams promise neither.
    const { node, ours } = await logsOf(async play => {
      const { socket, accepted } = await play.pair()
      accepted.resume()
      play.note('length', socket.write('x'), socket.writableLength)
    })
    expect(node).toEqual({ length: ['true 0'] })
    expect(ours).toEqual({ length: ['true 1'] })
  })

  it('a signal is not listened to any more once the socket is closed', async () => {
    // Node leaves its listener behind: with a long-lived signal that is a leak.
    const { signal } = new AbortController()
    const { server, client, address } = nets().ours
    const listening = server.createServer(accepted => accepted.end()).listen(0)
    await happens(listening, 'listening')
    const { port } = listening.address() as { port: number }
    const socket = client.connect({ port, host: address, signal })
    await happens(socket.resume(), 'close')
    expect(getEventListeners(signal, 'abort')).toEqual([])
    listening.close()
    await happens(listening, 'close')
  })

  it('the port of the peer is known after the close, also if nobody has asked before', async () => {
    // Node asks the kernel, which has forgotten; a log line of a failed socket needs it most.
    const remotePort = async (play: Play): Promise<void> => {
      const { socket } = await play.pair()
      socket.destroy()
      play.note('remotePort', socket.remotePort)
    }
    const { node, ours } = await logsOf(remotePort)
    expect(node).toEqual({ remotePort: ['undefined'] })
    expect(ours).toEqual({ remotePort: ['PORT'] })
  })
})
