import type { Conn } from '../conn/conn.ts'
import { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { OPTIONS, Resolved } from '../core/options.ts'
import type { KnownPeer } from '../core/peers.ts'
import { startTimer, type Timer } from '../core/timers.ts'
import { ClientStream, type StreamEnd } from './client-stream.ts'
import { restAfterAnswer, type StreamHabits } from './stream-habits.ts'
import type { Sweepable } from './sweeper.ts'

/** After a stream could not be opened while others are open, how long to make do with those, in ms: from, to. */
const OPEN_BACKOFF = [1_000, 60_000] as const

export interface StreamPoolInit {
  /** Opens one more stream. */
  open(target: KnownPeer, cancellation: Cancellation): Promise<Conn>
  options: Resolved<typeof OPTIONS.client>
  habits: StreamHabits
  /** Called when neither streams nor callers are left. */
  onEmpty(): void
}

interface Waiter {
  resolve(stream: ClientStream): void
  reject(error: PointSubError): void
}

/** The streams to one peer and protocol: handed to one call at a time, callers beyond the limit wait in order. */
export class StreamPool implements Sweepable {
  /** Where to open streams to. */
  target: KnownPeer
  readonly #init: StreamPoolInit
  /** Every stream that is not gone yet, those that only wait for the peer to end them included. */
  readonly #live = new Set<ClientStream>()
  readonly #opening = new Set<Cancellation>()
  /** Streams that have answered and may be ended by the peer any moment. */
  readonly #resting = new Map<ClientStream, Timer>()
  #idle: ClientStream[] = []
  readonly #waiters = new Set<Waiter>()
  /** Runs while no streams are opened because the peer seems to bound them. */
  #backoff: Timer | undefined
  #backoffTime: number = OPEN_BACKOFF[0]
  #closed: PointSubError | undefined

  constructor(target: KnownPeer, init: StreamPoolInit) {
    this.target = target
    this.#init = init
  }

  /**
   * A stream for one request; give it back with {@link release}.
   *
   * @throws PointSubError with `sent: false`
   */
  acquire(cancellation: Cancellation): ClientStream | Promise<ClientStream> {
    // Most calls find an idle stream, and need not wait a turn for it.
    const refusal = cancellation.reason ?? this.#closed
    return (refusal === undefined ? this.#idle.pop() : undefined) ?? this.#acquireLater(cancellation)
  }

  async #acquireLater(cancellation: Cancellation): Promise<ClientStream> {
    for (;;) {
      const refusal = cancellation.reason ?? this.#closed
      if (refusal !== undefined) throw refusal.with({ sent: false })
      const stream = this.#idle.pop() ?? (await this.#wait(cancellation))
      if (!stream.ended) return stream
      if (stream.requests === 0) {
        // One that ended before its first request says why when it is asked to carry one.
        if (!this.#hasOthers(stream)) return stream
      }
    }
  }

  release(stream: ClientStream): void {
    if (stream.ended) return
    const { habits, options } = this.#init
    const { connection, protocol } = stream.conn
    if (stream.requests === 1) this.#backoffTime = OPEN_BACKOFF[0]
    if (stream.requests > 1) habits.learn(connection, protocol, 'many')
    const habit = habits.get(connection, protocol)
    if (stream.requests >= options.maxRequestsPerStream) {
      void stream.close(new PointSubError('ERR_STREAM_CLOSED', 'the stream has served its requests'))
    } else if (habit === 'many' || stream.requests === 0) {
      this.#offer(stream)
    } else {
      const rested = (): void => {
        this.#resting.delete(stream)
        // Long enough for any FIN: what looked like a peer of one request a stream is none.
        if (habit === 'one') habits.learn(connection, protocol, 'many')
        this.#offer(stream)
      }
      // In two steps, so that after a busy spell a FIN that waits in the socket is read before the timer counts.
      const rest = (): void => void this.#resting.set(stream, startTimer(0, rested))
      this.#resting.set(stream, startTimer(restAfterAnswer(habit), rest))
      this.#grow()
    }
  }

  /** Closes what has not been used for `idleTimeout`. */
  sweep(now: number): void {
    const { idleTimeout } = this.#init.options
    const reason = new PointSubError('ERR_STREAM_CLOSED', 'the stream was not used')
    for (const stream of this.#idle.filter(({ lastUsed }) => now - lastUsed > idleTimeout)) void stream.close(reason)
  }

  /** Fails every call and closes every stream; resolves when they are gone. */
  async close(reason: PointSubError): Promise<void> {
    this.#closed ??= reason
    this.#rejectWaiters(reason)
    this.#stopOpening(reason)
    await Promise.all([...this.#live].map(stream => stream.close(reason)))
    this.#checkEmpty()
  }

  #wait(cancellation: Cancellation): Promise<ClientStream> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientStream>()
    const waiter: Waiter = { resolve, reject }
    this.#waiters.add(waiter)
    const takeBack = cancellation.onCancel(reason => {
      this.#waiters.delete(waiter)
      reject(reason.with({ sent: false }))
      // Nobody is left to use what is being opened.
      if (this.#waiters.size === 0) this.#stopOpening(reason)
      this.#checkEmpty()
    })
    this.#grow()
    return promise.finally(takeBack)
  }

  #offer(stream: ClientStream): void {
    if (this.#waiters.size === 0) {
      this.#idle.push(stream)
      return
    }
    const [waiter] = this.#waiters
    if (waiter === undefined) return
    this.#waiters.delete(waiter)
    waiter.resolve(stream)
  }

  /** Opens streams for callers that no stream on its way will serve. */
  #grow(): void {
    const { maxStreamsPerPeer } = this.#init.options
    if (this.#backoff !== undefined && this.#hasOthers()) return
    while (
      this.#waiters.size > this.#opening.size + this.#soonRested() &&
      this.#live.size + this.#opening.size < maxStreamsPerPeer
    ) {
      void this.#open()
    }
  }

  /** Resting streams worth waiting for: not those of a peer that is known to end them. */
  #soonRested(): number {
    let count = 0
    for (const { conn } of this.#resting.keys()) {
      if (this.#init.habits.get(conn.connection, conn.protocol) !== 'one') count += 1
    }
    return count
  }

  async #open(): Promise<void> {
    const { connectTimeout, maxBlockSize } = this.#init.options
    using cancellation = new Cancellation({ timeout: connectTimeout }, 'connecting')
    this.#opening.add(cancellation)
    try {
      const conn = await this.#init.open(this.target, cancellation)
      if (!this.#opening.delete(cancellation)) {
        conn.reset(cancellation.reason)
        return
      }
      const stream: ClientStream = new ClientStream(conn, maxBlockSize, how => this.#onEnd(stream, how))
      this.#live.add(stream)
      void conn.closed.then(() => this.#onGone(stream))
      this.#offer(stream)
    } catch (error) {
      // What was given up concerns none of those who came after.
      if (!this.#opening.delete(cancellation)) return
      this.#onOpenFailed(error instanceof PointSubError ? error : new PointSubError('ERR_DIAL_FAILED', String(error)))
    }
  }

  /** Gives up what is being opened: it counts no more, and its failure reaches nobody. */
  #stopOpening(reason: PointSubError): void {
    const opening = [...this.#opening]
    this.#opening.clear()
    for (const cancellation of opening) cancellation.cancel(reason)
  }

  #onOpenFailed(error: PointSubError): void {
    if (this.#hasOthers()) this.#makeDo()
    // While others are being opened, they may serve those who wait.
    else if (this.#opening.size === 0) this.#rejectWaiters(error)
    this.#checkEmpty()
  }

  #rejectWaiters(error: PointSubError): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.reject(error.with({ sent: false }))
  }

  /** Whether there are streams that carry requests, besides `stream`. */
  #hasOthers(stream?: ClientStream): boolean {
    for (const other of this.#live) if (other !== stream && !other.ended) return true
    return false
  }

  /** The peer may bound its streams, and js-libp2p resets those above only after it has agreed to them. */
  #makeDo(): void {
    if (this.#backoff !== undefined) return
    this.#backoff = startTimer(this.#backoffTime, () => {
      this.#backoff = undefined
      this.#grow()
    })
    this.#backoffTime = Math.min(this.#backoffTime * 2, OPEN_BACKOFF[1])
  }

  /** The stream serves no more requests, but may be there until the peer has ended it, too. */
  #onEnd(stream: ClientStream, how: StreamEnd): void {
    this.#idle = this.#idle.filter(other => other !== stream)
    clearTimeout(this.#resting.get(stream))
    this.#resting.delete(stream)
    // Refused while others are open: the peer bounds its streams.
    if (how === 'refused' && stream.requests === 0 && this.#hasOthers(stream)) this.#makeDo()
    const { connection, protocol } = stream.conn
    // A FIN behind the first answer, or instead of the second, is how a peer of one request a stream shows itself.
    if (how === 'fin' && stream.requests === 1) this.#init.habits.suspect(connection, protocol)
  }

  #onGone(stream: ClientStream): void {
    this.#live.delete(stream)
    this.#grow()
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#live.size + this.#opening.size + this.#waiters.size > 0) return
    clearTimeout(this.#backoff)
    this.#backoff = undefined
    this.#init.onEmpty()
  }
}
