import type { Connection } from '@libp2p/interface'
import type { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import type { PeerTarget } from '../core/peers.ts'
import { toPointSubError } from './stream-errors.ts'

/**
 * libp2p lets a dial join one that has just been aborted, and then it fails with that one or never ends. An aborted
 * dial leaves libp2p's queue within the turn of the event loop, so later dials wait for the next one.
 */
const leavingQueue = new WeakMap<Host, Promise<void>>()

/** The connection to a peer: the open one if there is one, a new one otherwise. */
export async function connect(host: Host, target: PeerTarget, cancellation: Cancellation): Promise<Connection> {
  const peer = target.id?.toString() ?? target.name
  if (target.id?.equals(host.peerId) === true) {
    throw new PointSubError('ERR_DIAL_SELF', `${peer} is this host itself; libp2p cannot dial it`, {
      peer,
      sent: false
    })
  }
  for (let turn = leavingQueue.get(host); turn !== undefined; turn = leavingQueue.get(host)) await turn
  const takeBack = cancellation.onCancel(() => leaveQueue(host))
  try {
    cancellation.signal.throwIfAborted()
    return await dialUntil(host, target, cancellation)
  } catch (cause) {
    throw toPointSubError(cancellation.reason ?? cause, 'ERR_DIAL_FAILED', `cannot reach ${target.name}`, {
      peer,
      sent: false
    })
  } finally {
    takeBack()
  }
}

/** libp2p takes its time to notice the signal in the middle of a handshake; the caller need not wait for that. */
function dialUntil(host: Host, target: PeerTarget, cancellation: Cancellation): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const takeBack = cancellation.onCancel(reject)
    void host.dial(target.dial, { signal: cancellation.signal }).then(resolve, reject).finally(takeBack)
  })
}

function leaveQueue(host: Host): void {
  const turn = new Promise<void>(resolve => {
    setTimeout(() => {
      if (leavingQueue.get(host) === turn) leavingQueue.delete(host)
      resolve()
    }, 0)
  })
  leavingQueue.set(host, turn)
}
