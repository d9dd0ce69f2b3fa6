import { PointSubError } from '../core/errors.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from '../core/memory-budget.ts'
import type { Receipt } from './channel.ts'

export interface IncomingBodyEvents {
  onBody(body: Uint8Array): void
  /** It will never be whole, or was the largest when memory ran short. */
  onFailure(error: PointSubError): void
}

/** A large request that is coming, with a share of the memory of its own: giving it up costs no other request. */
export class IncomingBody implements Receipt, MemoryHolder {
  readonly #events: IncomingBodyEvents
  readonly #share: MemoryShare
  readonly bytesKept = 0
  lastActive: number = performance.now()

  constructor(budget: MemoryBudget, peer: string, events: IncomingBodyEvents) {
    this.#events = events
    this.#share = budget.open(peer, this)
  }

  onGrowth(bytes: number): void {
    this.lastActive = performance.now()
    this.#share.set(bytes)
  }

  onEnd(result: Uint8Array | PointSubError): void {
    this.close()
    if (result instanceof PointSubError) this.#events.onFailure(result)
    else this.#events.onBody(result)
  }

  shed({ code, message }: PointSubError): void {
    this.#events.onFailure(new PointSubError(code, message, { retryable: true }))
  }

  /** It holds nothing any more. */
  close(): void {
    this.#share.close()
  }
}
