import type { Connection } from '@libp2p/interface'
import PQueue from 'p-queue'
import type { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import type { PeerTarget } from '../core/peers.ts'
import { toPointSubError } from './stream-errors.ts'

/** Dials running at once on one host. libp2p has a queue of its own, but refuses what comes when that is full. */
const PARALLEL_DIALS = 64

/** A dial that several callers wait for; aborted when the last of them gives up. */
interface SharedDial {
  readonly connection: Promise<Connection>
  /** Resolves when its turn has come. */
  readonly begun: Promise<void>
  readonly abort: AbortController
  callers: number
}

interface Dials {
  readonly queue: PQueue
  /** By what is dialled. */
  readonly shared: Map<string, SharedDial>
  /**
   * libp2p lets a dial join one that has just been aborted, and then it fails with that one or never ends. An aborted
   * dial leaves libp2p's queue within the turn of the event loop, so later dials wait for the next one.
   */
  leaving: Promise<void> | undefined
}

const dialsOfHosts = new WeakMap<Host, Dials>()

/** The connection to a peer: the open one if there is one, a new one otherwise. */
export async function connect(host: Host, target: PeerTarget, cancellation: Cancellation): Promise<Connection> {
  const peer = target.id?.toString() ?? target.name
  if (target.id?.equals(host.peerId) === true) {
    throw new PointSubError('ERR_DIAL_SELF', `${peer} is this host itself; libp2p cannot dial it`, {
      peer,
      sent: false
    })
  }
  try {
    return findConnection(host, target) ?? (await join(host, target, cancellation))
  } catch (cause) {
    throw toPointSubError(cancellation.reason ?? cause, 'ERR_DIAL_FAILED', `cannot reach ${target.name}`, {
      peer,
      sent: false
    })
  }
}

/** The open connection to a peer. A relayed one does not count: dialling may find a way without the relay. */
function findConnection(host: Host, { id }: PeerTarget): Connection | undefined {
  if (id === undefined) return undefined
  return host.getConnections(id).find(({ status, limits }) => status === 'open' && limits === undefined)
}

async function join(host: Host, target: PeerTarget, cancellation: Cancellation): Promise<Connection> {
  const dials = dialsOf(host)
  for (let turn = dials.leaving; turn !== undefined; turn = dials.leaving) await turn
  if (cancellation.reason !== undefined) throw cancellation.reason
  const dial = dials.shared.get(target.name) ?? start(host, target, dials)
  dial.callers += 1
  try {
    await cancellation.standInLine(dial.begun)
    return await cancellation.race(dial.connection)
  } finally {
    dial.callers -= 1
    if (dial.callers === 0 && dials.shared.get(target.name) === dial) giveUp(dials, target, dial)
  }
}

function start(host: Host, target: PeerTarget, dials: Dials): SharedDial {
  const abort = new AbortController()
  const { signal } = abort
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const dialNow = (): Promise<Connection> => {
    begin()
    return host.dial(target.dial, { signal })
  }
  const connection = dials.queue.add(dialNow, { signal })
  const dial: SharedDial = { connection, begun, abort, callers: 0 }
  dials.shared.set(target.name, dial)
  const forget = (): void => {
    if (dials.shared.get(target.name) === dial) dials.shared.delete(target.name)
  }
  connection.then(forget, forget)
  return dial
}

function giveUp(dials: Dials, target: PeerTarget, dial: SharedDial): void {
  dials.shared.delete(target.name)
  dial.abort.abort()
  const turn = new Promise<void>(resolve => {
    setTimeout(() => {
      if (dials.leaving === turn) dials.leaving = undefined
      resolve()
    }, 0)
  })
  dials.leaving = turn
}

function dialsOf(host: Host): Dials {
  const dials = dialsOfHosts.get(host) ?? {
    queue: new PQueue({ concurrency: PARALLEL_DIALS }),
    shared: new Map<string, SharedDial>(),
    leaving: undefined
  }
  dialsOfHosts.set(host, dials)
  return dials
}
