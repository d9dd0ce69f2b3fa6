import type { Conn } from '../conn/conn.ts'
import { addressOf, type Found, type Network } from './network.ts'
import type { Target } from './targets.ts'

/** Tells of an event of the socket, in its own turn: what a listener throws is not the connection's failure. */
type Tell = (event: string, ...args: unknown[]) => void

/** One attempt to connect, with the events of `net.Socket` on the way. */
export async function connectTo(network: Network, target: Target, signal: AbortSignal, tell: Tell): Promise<Conn> {
  const { port, host } = target
  const found = await find(network, target, tell)
  const address = addressOf(found.peer)
  if (found.byName) tell('lookup', null, address, 'libp2p', host)
  tell('connectionAttempt', address, port, 'libp2p')
  try {
    return await network.open(found, target, signal)
  } catch (error) {
    tell('connectionAttemptFailed', address, port, 'libp2p', error)
    throw error
  }
}

async function find(network: Network, target: Target, tell: Tell): Promise<Found> {
  try {
    return await network.find(target)
  } catch (error) {
    tell('lookup', error, undefined, undefined, target.host)
    throw error
  }
}
