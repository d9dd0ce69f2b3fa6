import { checkMilliseconds, checkSignal } from './arguments.ts'
import { messageOf, PointSubError } from './errors.ts'
import { startTimer, type Timer } from './timers.ts'

/** What every long operation takes. */
export interface CancelOptions {
  /** Aborting it rejects the operation with `ERR_ABORTED`. */
  signal?: AbortSignal | undefined
  /** Milliseconds after which the operation rejects with `ERR_TIMEOUT`. */
  timeout?: number | undefined
}

/**
 * The one reason an operation may be stopped early: the caller's signal or the deadline, whichever comes first.
 *
 * It stands in for `AbortSignal.any([signal, AbortSignal.timeout(ms)])`, which costs an order of magnitude more a call
 * and leaves its timer running after the call has ended. Dispose it when the operation ends.
 */
export class Cancellation implements Disposable {
  readonly #what: string
  readonly #callerSignal: AbortSignal | undefined
  #timer: Timer | undefined
  readonly #timeout: number
  #started: number
  #listeners: ((reason: PointSubError) => void)[] = []
  #controller: AbortController | undefined
  #reason: PointSubError | undefined
  /** There is one only when there is a signal: most operations have none. */
  readonly #onAbort: (() => void) | undefined
  /** Leaves the whole that this is a part of. */
  #release: (() => void) | undefined

  /**
   * @throws PointSubError `ERR_ABORTED` or `ERR_TIMEOUT` when the signal is already aborted, `ERR_INVALID_ARGUMENT` when
   * one of them is something else
   */
  constructor({ signal, timeout }: CancelOptions, what = 'the operation') {
    if (signal !== undefined) checkSignal(signal)
    if (timeout !== undefined) checkMilliseconds('timeout', timeout)
    if (signal?.aborted) throw abortError(signal, what)
    this.#what = what
    this.#callerSignal = signal
    this.#timeout = timeout ?? Number.POSITIVE_INFINITY
    this.#started = timeout === undefined ? 0 : performance.now()
    if (timeout !== undefined) this.#timer = startTimer(timeout, () => this.#timeOut())
    if (signal !== undefined) {
      this.#onAbort = () => this.cancel(abortError(signal, what))
      signal.addEventListener('abort', this.#onAbort)
    }
  }

  /** Why the operation was cancelled, if it was. */
  get reason(): PointSubError | undefined {
    return this.#reason
  }

  /** Milliseconds until the deadline. */
  get remaining(): number {
    return this.#started + this.#timeout - performance.now()
  }

  /** An AbortSignal for libp2p's calls, made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Calls `listener` once on cancellation, at once if that has happened; the returned function takes it back. */
  onCancel(listener: (reason: PointSubError) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason)
      return () => {}
    }
    this.#listeners.push(listener)
    return () => {
      this.#listeners = this.#listeners.filter(other => other !== listener)
    }
  }

  /**
   * Resolves as `promise` does, or rejects on cancellation; what becomes of the promise then is its maker's business.
   *
   * @throws PointSubError the reason
   */
  async race<T>(promise: Promise<T>): Promise<T> {
    const cancelled = Promise.withResolvers<never>()
    const takeBack = this.onCancel(cancelled.reject)
    try {
      return await Promise.race([promise, cancelled.promise])
    } finally {
      takeBack()
    }
  }

  /**
   * {@link race} for waiting in a line of this side's own: the deadline of a part counts anew behind it.
   *
   * @throws PointSubError the reason
   */
  async standInLine(turn: Promise<void>): Promise<void> {
    if (this.#release !== undefined) clearTimeout(this.#timer)
    await this.race(turn)
    if (this.#release === undefined || this.#timer === undefined) return
    this.#started = performance.now()
    this.#timer = startTimer(this.#timeout, () => this.#timeOut())
  }

  /** Resolves after so many milliseconds. @throws PointSubError the reason, on cancellation */
  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = startTimer(ms, resolve)
    try {
      await this.race(promise)
    } finally {
      clearTimeout(timer)
    }
  }

  /** A part of the operation, perhaps with a deadline of its own; it is cancelled with the whole. Dispose it, too. */
  part(what: string, timeout?: number): Cancellation {
    const part = new Cancellation({ timeout }, what)
    part.#release = this.onCancel(reason => part.cancel(reason))
    return part
  }

  cancel(reason: PointSubError): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this[Symbol.dispose]()
    this.#controller?.abort(reason)
    for (const listener of this.#listeners) listener(reason)
    this.#listeners = []
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#release?.()
    if (this.#onAbort !== undefined) this.#callerSignal?.removeEventListener('abort', this.#onAbort)
  }

  #timeOut(): void {
    this.cancel(new PointSubError('ERR_TIMEOUT', `${this.#what} took longer than ${this.#timeout} ms`))
  }
}

function abortError(signal: AbortSignal, what: string): PointSubError {
  const cause: unknown = signal.reason
  // One of this package says why something else has ended: it knows neither the peer of this nor what was sent.
  const isTimeout =
    cause instanceof PointSubError
      ? cause.code === 'ERR_TIMEOUT'
      : cause instanceof DOMException && cause.name === 'TimeoutError'
  return isTimeout
    ? new PointSubError('ERR_TIMEOUT', `${what} was stopped by its signal: ${messageOf(cause)}`, { cause })
    : new PointSubError('ERR_ABORTED', `${what} was aborted by its signal`, { cause })
}
