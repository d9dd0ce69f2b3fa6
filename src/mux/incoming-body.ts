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
  lastActive: number = performance.now()

  constructor(share: BodyShare, events: IncomingBodyEvents) {
    this.#share = share
    this.#events = events
  }

  onGrowth(bytes: number): void {
    this.lastActive = performance.now()
    this.#share.set(bytes)
  }

  onEnd(result: Uint8Array | PointSubError): void {
    this.#share.close()
    if (result instanceof PointSubError) this.#events.onFailure(result)
    else this.#events.onBody(result)
  }
}
