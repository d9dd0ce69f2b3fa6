import genericPool, { type Pool } from 'generic-pool'
import type { Conn } from '../conn/conn.ts'
import type { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { ClientSettings } from '../core/options.ts'
import type { KnownPeer } from '../core/peers.ts'
import { startTimer, type Timer } from '../core/timers.ts'
import { ClientStream, type StreamEnd } from './client-stream.ts'
import { MakingDo } from './making-do.ts'
import { emptySlot, type Slot } from './slot.ts'
import type { PlaceAccount, PlaceHolder, StreamBudget } from './stream-budget.ts'
import { LONG_REST, REST, type StreamHabits } from './stream-habits.ts'
import type { Sweepable } from './sweeper.ts'

/** Who could not open a stream of his own goes before those who come later. */
const FIRST = 0
const IN_ORDER = 1

/** With so many streams open, or used, a reset before the first answer means a bound on streams, not a bad request. */
const [MANY, SOME_USED] = [16, 4]

export interface StreamPoolInit {
  /** Opens one more stream. */
  open(target: KnownPeer, cancellation: Cancellation): Promise<Conn>
  readonly options: ClientSettings
  readonly habits: StreamHabits
  readonly budget: StreamBudget
  /** Called when neither streams nor callers are left. */
  onEmpty(): void
}

/**
 * The streams to one peer and protocol: lent to one call at a time, callers beyond the limit wait in order. generic-pool
 * lends the places, not the streams: those end by themselves, opening one can fail, and who waits may leave.
 */
export class StreamPool implements Sweepable, PlaceHolder {
  /** Where to open streams to. */
  target: KnownPeer
  readonly #init: StreamPoolInit
  readonly #account: PlaceAccount
  readonly #slots: Pool<Slot>
  /** Every stream that is not gone yet, those that only wait for the peer to end them included. */
  readonly #live = new Set<ClientStream>()
  /** Places kept back because their stream may be ended by the peer any moment. */
  readonly #keptBack = new Map<Slot, Timer>()
  readonly #makingDo = new MakingDo<Slot>(slot => this.#return(slot))

  constructor(target: KnownPeer, init: StreamPoolInit) {
    this.target = target
    this.#init = init
    this.#account = init.budget.open(this)
    this.#slots = genericPool.createPool<Slot>(
      {
        // While this waits for its turn, whoever waits for a place gets one that has become free, too.
        create: async () => {
          await this.#account.take()
          return emptySlot()
        },
        destroy: () => {
          this.#account.give()
          return Promise.resolve()
        }
      },
      // Used last, lent first: so that those not needed grow old.
      { max: init.options.maxStreamsPerPeer, fifo: false, priorityRange: 2 }
    )
  }

  /** The streams that carry requests or could. */
  get streams(): ClientStream[] {
    return [...this.#live].filter(stream => !stream.ended)
  }

  /**
   * Sends a frame on one of the streams and resolves to the body of the answer.
   *
   * @throws PointSubError with `sent`
   */
  async request(frame: Uint8Array, cancellation: Cancellation): Promise<Uint8Array> {
    for (let priority = IN_ORDER; ; priority = FIRST) {
      const slot = await this.#borrow(cancellation, priority)
      if (slot.stream?.ended !== false && this.#makingDo.isOn && this.#countOthers(slot) > 0) {
        this.#makingDo.keep(slot)
        continue
      }
      try {
        if (slot.restsUntil > 0) await this.#rest(slot, cancellation)
        const stream = slot.stream?.ended === false ? slot.stream : await this.#fill(slot, cancellation)
        return await stream.request(frame, cancellation)
      } catch (error) {
        // A peer that bounds its streams: this place goes without for a while, and an unsent request waits for another.
        const unsent = isRefusal(error) && error.sent !== true
        const others = this.#countOthers(slot)
        const isBound = slot.refused && (others >= MANY || this.#countOthers(slot, 1) >= SOME_USED)
        if ((unsent && others > 0) || isBound) this.#makingDo.keep(slot)
        if (!unsent || others === 0 || cancellation.reason !== undefined) throw error
      } finally {
        if (!this.#makingDo.keeps(slot)) this.#giveBack(slot)
      }
    }
  }

  /** Looks for timeouts, and closes what has not been used for too long. */
  sweep(now: number): void {
    const { idleTimeout, idleConnTimeout } = this.#init.options
    const longest = Math.min(idleTimeout, idleConnTimeout)
    const reason = new PointSubError('ERR_STREAM_CLOSED', 'the stream was not used')
    for (const stream of this.#live) {
      stream.sweep(now)
      if (stream.isIdle && now - stream.lastActive > longest) void stream.close(reason)
    }
  }

  /** Gives up a place, and the stream in it, when none has been used for so long and nobody waits for one. */
  yieldUnused(milliseconds: number): boolean {
    const empty = this.#makingDo.take()
    if (empty !== undefined) {
      void this.#slots.destroy(empty)
      return true
    }
    if (this.#slots.available === 0 || this.#slots.pending > 0) return false
    const now = performance.now()
    const idle = this.streams.filter(stream => stream.isIdle)
    if (idle.length > 0 && idle.every(stream => now - stream.lastActive < milliseconds)) return false
    void this.#slots.acquire().then(slot => this.#yield(slot))
    return true
  }

  /** Closes every stream; resolves when they are gone. The calls have been cancelled by then. */
  async close(reason: PointSubError): Promise<void> {
    for (const slot of this.#keptBack.keys()) this.#return(slot)
    this.#makingDo.end()
    await Promise.all([...this.#live].map(stream => stream.close(reason)))
    this.#checkEmpty()
  }

  #borrow(cancellation: Cancellation, priority: number): Promise<Slot> {
    const borrowed = this.#slots.acquire(priority)
    // Most calls find one at once.
    return this.#slots.pending === 0 ? borrowed : this.#wait(borrowed, cancellation)
  }

  async #wait(borrowed: Promise<Slot>, cancellation: Cancellation): Promise<Slot> {
    try {
      return await cancellation.race(borrowed)
    } catch (error) {
      // generic-pool keeps who has left in its queue: his place is given back when it comes.
      void borrowed.then(slot => this.#return(slot))
      throw error
    }
  }

  /** Opens a stream in a place that has none. */
  async #fill(slot: Slot, cancellation: Cancellation): Promise<ClientStream> {
    // One that is ending still counts.
    if (slot.stream !== undefined) await cancellation.race(slot.stream.conn.closed)
    slot.stream = undefined
    slot.refused = false
    const { options } = this.#init
    using connecting = cancellation.part('connecting', options.connectTimeout)
    const opening = this.#init.open(this.target, connecting)
    slot.opening = opening
    const conn = await connecting.race(opening)
    slot.opening = undefined
    const stream = new ClientStream(conn, options, (ended, how) => this.#onEnd(slot, ended, how))
    slot.stream = stream
    this.#live.add(stream)
    void conn.closed.then(() => this.#onGone(stream))
    return stream
  }

  /** Gives a place back as soon as the next call can use it: when its stream is free, or gone. */
  #giveBack(slot: Slot): void {
    const { habits, options } = this.#init
    const { stream } = slot
    if (stream === undefined) {
      this.#giveBackUnfilled(slot)
      return
    }
    if (stream.ended) {
      this.#giveBackWhenGone(slot, stream)
      return
    }
    const { connection, protocol } = stream.conn
    if (stream.requests === 1) this.#makingDo.worked()
    if (stream.requests > 1) habits.learn(connection, protocol, 'many')
    const habit = habits.get(connection, protocol)
    if (stream.requests >= options.maxRequestsPerStream) {
      this.#retire(slot, stream, 'the stream has served its requests')
    } else if (this.#account.mustYield(this.#slots.pending > 0)) {
      this.#yield(slot)
    } else if (habit === 'one') {
      this.#expectEnd(slot, stream)
    } else {
      if (habit === undefined && stream.requests > 0) slot.restsUntil = stream.lastActive + REST
      this.#return(slot)
    }
  }

  /** Gives a place up for the pool of another peer. */
  #yield(slot: Slot): void {
    const reason = new PointSubError('ERR_STREAM_CLOSED', 'a call to another peer needs the place of this stream')
    void Promise.resolve(slot.stream?.close(reason)).then(() => {
      void this.#slots.destroy(slot)
      this.#checkEmpty()
    })
  }

  /** The place of a stream that nobody waits for any more is taken until that is gone, too. */
  #giveBackUnfilled(slot: Slot): void {
    const { opening } = slot
    slot.opening = undefined
    if (opening === undefined) this.#return(slot)
    else void Promise.allSettled([opening]).then(() => this.#return(slot))
  }

  #retire(slot: Slot, stream: ClientStream, why: string): void {
    void stream.close(new PointSubError('ERR_STREAM_CLOSED', why))
    this.#giveBackWhenGone(slot, stream)
  }

  #giveBackWhenGone(slot: Slot, stream: ClientStream): void {
    void stream.conn.closed.then(() => {
      if (slot.stream === stream) slot.stream = undefined
      this.#return(slot)
    })
  }

  /** The peer may be one that ends its streams behind the first answer: waits for that, but not long. */
  async #rest(slot: Slot, cancellation: Cancellation): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    // In two steps, so that after a busy spell a FIN that waits in the socket is read before the timer counts.
    const rested = (): void => void startTimer(0, resolve)
    const timer = startTimer(Math.max(0, slot.restsUntil - performance.now()), rested)
    slot.wake = resolve
    try {
      await cancellation.race(promise)
      slot.restsUntil = 0
    } finally {
      clearTimeout(timer)
      slot.wake = undefined
    }
  }

  /** The peer is one that ends its streams behind the first answer: keeps the place back until it has. */
  #expectEnd(slot: Slot, stream: ClientStream): void {
    const { connection, protocol } = stream.conn
    const timer = startTimer(LONG_REST, () => {
      // Long enough for any FIN: what looked like a peer of one request a stream is none.
      this.#init.habits.learn(connection, protocol, 'many')
      this.#return(slot)
    })
    this.#keptBack.set(slot, timer)
  }

  /** Gives a place back for good. */
  #return(slot: Slot): void {
    clearTimeout(this.#keptBack.get(slot))
    this.#keptBack.delete(slot)
    void this.#slots.release(slot)
    if (this.#slots.pending === 0) this.#account.withdraw()
    this.#checkEmpty()
  }

  /** Streams that carry requests or could, besides the one of `slot`, and have carried some. */
  #countOthers(slot: Slot, requests = 0): number {
    return this.streams.filter(other => other !== slot.stream && other.requests >= requests).length
  }

  /** The stream serves no more requests, but may be there until the peer has ended it, too. */
  #onEnd(slot: Slot, stream: ClientStream, how: StreamEnd): void {
    const { connection, protocol } = stream.conn
    slot.refused = how === 'refused' && stream.requests === 0
    // A FIN behind the first answer, or instead of the second, is how a peer of one request a stream shows itself.
    if (how === 'fin' && stream.requests === 1) this.#init.habits.suspect(connection, protocol)
    slot.wake?.()
    if (!this.#keptBack.has(slot)) return
    clearTimeout(this.#keptBack.get(slot))
    this.#keptBack.delete(slot)
    this.#giveBackWhenGone(slot, stream)
  }

  #onGone(stream: ClientStream): void {
    this.#live.delete(stream)
    // With nothing left to make do with, opening is tried again.
    if (this.streams.length === 0) this.#makingDo.end()
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#live.size + this.#slots.borrowed + this.#slots.pending > 0) return
    this.#account.close()
    this.#init.onEmpty()
  }
}

/** Whether a stream could not be opened, or was reset at once, as by a peer that bounds them. */
function isRefusal(error: unknown): error is PointSubError {
  return error instanceof PointSubError && ['ERR_STREAM_RESET', 'ERR_TOO_MANY_STREAMS'].includes(error.code)
}
