import { PointSubError } from '../core/errors.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from '../core/memory-budget.ts'

/** What one large body has of the memory: giving it up costs no other call. */
export class BodyShare implements MemoryHolder {
  readonly #share: MemoryShare
  readonly #onShed: (error: PointSubError) => void
  readonly bytesKept = 0

  /** @param onShed called when it was the largest and memory ran short */
  constructor(budget: MemoryBudget, peer: string, onShed: (error: PointSubError) => void) {
    this.#onShed = onShed
    this.#share = budget.open(peer, this)
  }

  set(bytes: number): void {
    this.#share.set(bytes)
  }

  shed({ code, message }: PointSubError): void {
    this.#onShed(new PointSubError(code, message, { retryable: true }))
  }

  /** The body is gone. */
  close(): void {
    this.#share.close()
  }
}
