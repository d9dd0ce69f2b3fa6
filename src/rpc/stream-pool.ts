import type { Conn } from '../conn/conn.ts'
import { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { OPTIONS, Resolved } from '../core/options.ts'
import { ClientStream } from './client-stream.ts'
import type { StreamHabits } from './stream-habits.ts'
import type { Sweepable } from './sweeper.ts'

/**
 * How long a stream rests after the first answer of an unknown peer, in ms. A peer that serves one request a stream
 * sends its FIN right behind the answer; a second request written before that FIN is seen could not be told from one
 * that failed.
 */
const PROBATION = 25

/** After a stream could not be opened while others are open, how long to make do with those, in ms. */
const OPEN_BACKOFF = 1_000

export interface StreamPoolInit {
  /** Opens one more stream. */
  open(cancellation: Cancellation): Promise<Conn>
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
  readonly #init: StreamPoolInit
  readonly #live = new Set<ClientStream>()
  readonly #opening = new Set<Cancellation>()
  readonly #probation = new Map<ClientStream, ReturnType<typeof setTimeout>>()
  #idle: ClientStream[] = []
  #waiters: Waiter[] = []
  #noOpenBefore = 0

  constructor(init: StreamPoolInit) {
    this.#init = init
  }

  /** A stream for one request; give it back with {@link release}. */
  acquire(cancellation: Cancellation): ClientStream | Promise<ClientStream> {
    if (cancellation.reason !== undefined) throw cancellation.reason.with({ sent: false })
    const stream = this.#idle.pop()
    if (stream !== undefined) return stream
    const { promise, resolve, reject } = Promise.withResolvers<ClientStream>()
    const waiter: Waiter = { resolve, reject }
    this.#waiters.push(waiter)
    const takeBack = cancellation.onCancel(reason => {
      this.#waiters = this.#waiters.filter(other => other !== waiter)
      reject(reason.with({ sent: false }))
      // Nobody is left to use what is being opened.
      if (this.#waiters.length === 0) this.#stopOpening(reason)
      this.#checkEmpty()
    })
    this.#grow()
    return promise.finally(takeBack)
  }

  release(stream: ClientStream): void {
    if (stream.ended) return
    const { habits, options } = this.#init
    const { connection, protocol } = stream.conn
    if (stream.requests > 1) habits.learn(connection, protocol, 'many')
    const habit = habits.get(connection, protocol)
    if (habit === 'one' || stream.requests >= options.maxRequestsPerStream) {
      void stream.close(new PointSubError('ERR_STREAM_CLOSED', 'the stream has served its requests'))
    } else if (habit === undefined) {
      this.#probation.set(
        stream,
        setTimeout(() => {
          this.#probation.delete(stream)
          this.#offer(stream)
        }, PROBATION)
      )
    } else {
      this.#offer(stream)
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
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason.with({ sent: false }))
    this.#stopOpening(reason)
    await Promise.all([...this.#live].map(stream => stream.close(reason)))
    this.#checkEmpty()
  }

  #offer(stream: ClientStream): void {
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) waiter.resolve(stream)
    else this.#idle.push(stream)
  }

  /** Opens streams for callers that no stream on its way will serve. */
  #grow(): void {
    const { maxStreamsPerPeer } = this.#init.options
    if (this.#live.size > 0 && performance.now() < this.#noOpenBefore) return
    while (
      this.#waiters.length > this.#opening.size + this.#probation.size &&
      this.#live.size + this.#opening.size < maxStreamsPerPeer
    ) {
      void this.#open()
    }
  }

  async #open(): Promise<void> {
    const { connectTimeout, maxBlockSize } = this.#init.options
    using cancellation = new Cancellation({ timeout: connectTimeout }, 'connecting')
    this.#opening.add(cancellation)
    try {
      const conn = await this.#init.open(cancellation)
      if (!this.#opening.delete(cancellation)) {
        conn.reset(cancellation.reason)
        return
      }
      const stream: ClientStream = new ClientStream(conn, maxBlockSize, unused => this.#onEnd(stream, unused))
      this.#live.add(stream)
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
    if (this.#live.size > 0) {
      // The peer may bound its streams: those that are open will do.
      this.#noOpenBefore = performance.now() + OPEN_BACKOFF
    } else {
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error.with({ sent: false }))
    }
    this.#checkEmpty()
  }

  #onEnd(stream: ClientStream, unused: boolean): void {
    this.#live.delete(stream)
    this.#idle = this.#idle.filter(other => other !== stream)
    clearTimeout(this.#probation.get(stream))
    this.#probation.delete(stream)
    // A stream that ends right behind its first answer is how a peer of one request a stream shows itself.
    const atOnce = performance.now() - stream.lastUsed <= PROBATION * 2
    const { connection, protocol } = stream.conn
    if (unused && stream.requests === 1 && atOnce) this.#init.habits.learn(connection, protocol, 'one')
    this.#grow()
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#live.size + this.#opening.size + this.#waiters.length === 0) this.#init.onEmpty()
  }
}
