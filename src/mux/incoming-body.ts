import { PointSubError } from '../core/errors.ts'
import type { BodyShare } from './body-share.ts'
import type { Receipt } from './channel.ts'

export interface IncomingBodyEvents {
  onBody(body: Uint8Array): void
  /** It will never be whole. */
  onFailure(error: PointSubError): void
}

/** A large request that is coming. */
export class IncomingBody implements Receipt {
  readonly #events: IncomingBodyEvents
  readonly #share: BodyShare
  readonly #size: number
  #held = 0
  lastActive: number = performance.now()

  /** @param size bytes that it is to have */
  constructor(size: number, share: BodyShare, events: IncomingBodyEvents) {
    this.#size = size
    this.#share = share
    this.#events = events
  }

  /** Bytes that it will need besides those it has. */
  get missing(): number {
    return Math.max(0, this.#size - this.#held)
  }

  onGrowth(bytes: number): void {
    this.lastActive = performance.now()
    this.#held = bytes
    this.#share.set(bytes)
  }

  onEnd(result: Uint8Array | PointSubError): void {
    this.#share.close()
    if (result instanceof PointSubError) this.#events.onFailure(result)
    else this.#events.onBody(result)
  }
}

/** What all of them together will need besides what they have. */
export function missingBytes(incoming: Iterable<IncomingBody>): number {
  let bytes = 0
  for (const { missing } of incoming) bytes += missing
  return bytes
}
