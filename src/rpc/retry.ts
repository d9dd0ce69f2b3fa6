import type { Cancellation } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { ClientSettings } from '../core/options.ts'

/** What another try would not change: mistakes of the caller, his own decisions, and answers of the peer. */
const FINAL: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_CLIENT_CLOSED',
  'ERR_DIAL_SELF',
  'ERR_INVALID_ARGUMENT',
  'ERR_INVALID_FRAME',
  'ERR_INVALID_PEER',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_NO_NODES',
  'ERR_PEER_NOT_FOUND',
  'ERR_PROTOCOL_UNSUPPORTED',
  'ERR_REMOTE'
])

/** Whether another try of the same request would fail in the same way; whoever failed may have said so. */
export function isFinal({ code, retryable }: PointSubError): boolean {
  return retryable === undefined ? FINAL.has(code) : !retryable
}

/** Calls that succeed for each retry given back. The budget counts in these parts, for ten times 0.1 is less than 1. */
const PARTS = 10
/** How often exponential backoff doubles. */
const DOUBLINGS = 5

export type RetryOptions = Pick<ClientSettings, 'maxRetries' | 'retryInterval' | 'retryBackoff' | 'retryBudget'>

/**
 * Tries again what failed: always when the peer has certainly not seen the request, otherwise only when that is
 * `idempotent`; never past the deadline. The budget keeps a client whose peers are all down from asking several times as
 * much of them as its callers do.
 */
export class Retry {
  readonly #options: RetryOptions
  readonly #random: () => number
  #budget: number
  /** Tries after the first, over all calls. */
  count = 0

  /** @param random from 0 to 1 */
  constructor(options: RetryOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
    this.#budget = options.retryBudget * PARTS
  }

  /**
   * @param attempt fails with a PointSubError whose `sent` is `false` when nothing has left
   * @throws PointSubError the last failure; its `sent` is `true` when that of any attempt was
   */
  async run<T>(attempt: () => Promise<T>, cancellation: Cancellation, idempotent: boolean): Promise<T> {
    let sent = false
    for (let retries = 0; ; retries += 1) {
      try {
        const result = await attempt()
        this.#budget = Math.min(this.#options.retryBudget * PARTS, this.#budget + 1)
        return result
      } catch (error) {
        if (!(error instanceof PointSubError)) throw error
        sent ||= error.sent === true
        const failure = sent ? error.withSent() : error
        const wait = this.#waitBefore(retries, error)
        const isLast = isFinal(error) || (sent && !idempotent) || cancellation.reason !== undefined
        if (isLast || wait === undefined || wait >= cancellation.remaining || this.#budget < PARTS) throw failure
        this.#budget -= PARTS
        this.count += 1
        await pause(wait, cancellation, failure)
      }
    }
  }

  /** Milliseconds to wait before one more try after so many; undefined when there were enough. */
  #waitBefore(retries: number, { retryAfter = 0 }: PointSubError): number | undefined {
    const { maxRetries, retryInterval, retryBackoff } = this.#options
    if (retries >= maxRetries) return undefined
    const wait =
      retryBackoff === 'constant' ? retryInterval : this.#random() * retryInterval * 2 ** Math.min(retries, DOUBLINGS)
    return Math.max(wait, retryAfter)
  }
}

/** @throws PointSubError why it was cancelled, with the failure before as `cause` */
async function pause(ms: number, cancellation: Cancellation, failure: PointSubError): Promise<void> {
  try {
    await cancellation.sleep(ms)
  } catch (error) {
    if (!(error instanceof PointSubError)) throw error
    const { peer, protocol, sent } = failure
    throw new PointSubError(error.code, error.message, { cause: failure, peer, protocol, sent })
  }
}
