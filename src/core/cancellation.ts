import { checkMilliseconds, checkSignal } from './arguments.ts'
import { PointSubError } from './errors.ts'
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
  readonly #timer: Timer | undefined
  #listeners: ((reason: PointSubError) => void)[] = []
  #controller: AbortController | undefined
  #reason: PointSubError | undefined

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
    if (timeout !== undefined) {
      this.#timer = startTimer(timeout, () =>
        this.cancel(new PointSubError('ERR_TIMEOUT', `${what} took longer than ${timeout} ms`))
      )
    }
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** Why the operation was cancelled, if it was. */
  get reason(): PointSubError | undefined {
    return this.#reason
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
    this.#callerSignal?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    if (this.#callerSignal !== undefined) this.cancel(abortError(this.#callerSignal, this.#what))
  }
}

function abortError(signal: AbortSignal, what: string): PointSubError {
  const cause: unknown = signal.reason
  if (cause instanceof PointSubError) return cause
  return cause instanceof DOMException && cause.name === 'TimeoutError'
    ? new PointSubError('ERR_TIMEOUT', `${what} was stopped by its AbortSignal.timeout()`, { cause })
    : new PointSubError('ERR_ABORTED', `${what} was aborted by its signal`, { cause })
}
