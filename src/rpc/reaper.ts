import { PointSubError } from '../core/errors.ts'
import type { ServedStream } from './served-stream.ts'

/** How long a stream has to be unused before it counts as left behind by its peer, in ms. */
const LEAK_AGE = 1_000
/** The same when there are very many, or when a server is full and somebody else needs the place. */
const SHORT_AGE = 100
/** Very many are so many times what one peer may leave. */
const VERY_MANY = 4
/** Share of the unused streams that make room at once, so that a full server need not look at all of them each time. */
const MAKE_ROOM_SHARE = 0.05

export interface ReaperInit {
  /** Streams that one peer may leave open and unused, of one protocol. */
  readonly maxIdlePerPeer: number
  readonly maxIdleTime: number
  readonly cleanupInterval: number
}

/**
 * Ends streams that nobody uses: a Go client opens one for each request and never closes it. They are reset, for a FIN
 * alone would leave the peer its half, and with it the place among the 151 that a Go peer has.
 */
export class Reaper {
  readonly #init: ReaperInit
  #lastCleanup = performance.now()

  constructor(init: ReaperInit) {
    this.#init = init
  }

  /** Called now and then with all streams. */
  sweep(streams: Iterable<ServedStream>, now: number): void {
    const { maxIdlePerPeer, maxIdleTime, cleanupInterval } = this.#init
    const reason = new PointSubError('ERR_STREAM_CLOSED', 'the peer left too many streams open after their answers')
    for (const idle of byPeerAndProtocol(streams)) {
      if (idle.length <= maxIdlePerPeer) continue
      for (const [index, stream] of oldestFirst(idle)
        .slice(0, idle.length - maxIdlePerPeer)
        .entries()) {
        const age = index < idle.length - VERY_MANY * maxIdlePerPeer ? SHORT_AGE : LEAK_AGE
        if (now - stream.lastActive > age) stream.kill(reason)
      }
    }
    if (now - this.#lastCleanup < cleanupInterval) return
    this.#lastCleanup = now
    for (const stream of streams) {
      if (stream.isIdle && now - stream.lastActive > maxIdleTime) stream.stop()
    }
  }

  /** Ends some of the streams unused longest; whether there were any. */
  makeRoom(streams: Iterable<ServedStream>, now: number): boolean {
    const idle = [...streams].filter(stream => isUnused(stream) && now - stream.lastActive > SHORT_AGE)
    const reason = new PointSubError('ERR_MAX_CONNS', 'the server needed the place of a stream that was not used')
    for (const stream of oldestFirst(idle).slice(0, Math.ceil(idle.length * MAKE_ROOM_SHARE))) stream.kill(reason)
    return idle.length > 0
  }
}

function byPeerAndProtocol(streams: Iterable<ServedStream>): Iterable<ServedStream[]> {
  const groups = new Map<string, ServedStream[]>()
  for (const stream of streams) {
    if (!isUnused(stream) || stream.requests === 0) continue
    const key = `${stream.conn.remotePeer.toString()} ${stream.conn.protocol}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [stream])
    else group.push(stream)
  }
  return groups.values()
}

function isUnused({ isIdle, isRaw }: ServedStream): boolean {
  return isIdle && !isRaw
}

function oldestFirst(streams: ServedStream[]): ServedStream[] {
  return streams.toSorted((a, b) => a.lastActive - b.lastActive)
}
