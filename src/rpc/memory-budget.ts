import { PointSubError } from '../core/errors.ts'

/** Something that holds bytes for a peer. */
export interface MemoryHolder {
  /** Whether giving it up would free its bytes. */
  readonly canShed: boolean
  /** Gives its bytes up. */
  shed(reason: PointSubError): void
}

/** What a share tells and asks its budget. */
interface ShareOf {
  grow(bytes: number): void
  close(): void
  isOver(): boolean
}

interface PeerUse {
  bytes: number
  readonly holders: Set<MemoryShare>
}

/**
 * Bounds the bytes that streams hold, per peer and in total. Above a bound the largest holder is told to give its bytes
 * up, until all is within it; bytes that nobody can give up (a handler has them) keep everybody else out.
 */
export class MemoryBudget {
  readonly #max: number
  readonly #maxPerPeer: number
  readonly #peers = new Map<string, PeerUse>()
  readonly #all = new Set<MemoryShare>()
  #bytes = 0

  /** @param max bytes in total; `maxPerPeer` likewise for each peer */
  constructor(max: number, maxPerPeer: number) {
    this.#max = max
    this.#maxPerPeer = maxPerPeer
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** A share for `holder`; it counts until it is closed. */
  open(peer: string, holder: MemoryHolder): MemoryShare {
    const use = this.#peers.get(peer) ?? { bytes: 0, holders: new Set() }
    this.#peers.set(peer, use)
    const share: MemoryShare = new MemoryShare(holder, {
      grow: bytes => {
        this.#bytes += bytes
        use.bytes += bytes
        if (bytes > 0) this.#enforce(use)
      },
      close: () => {
        this.#all.delete(share)
        use.holders.delete(share)
        if (use.holders.size === 0) this.#peers.delete(peer)
      },
      isOver: () => this.#bytes > this.#max || use.bytes > this.#maxPerPeer
    })
    use.holders.add(share)
    this.#all.add(share)
    return share
  }

  #enforce(use: PeerUse): void {
    while (use.bytes > this.#maxPerPeer) {
      if (!shedLargest(use.holders, `a peer holds more than maxMemoryUsagePerPeer, ${this.#maxPerPeer} bytes`)) break
    }
    while (this.#bytes > this.#max) {
      if (!shedLargest(this.#all, `all streams hold more than maxMemoryUsage, ${this.#max} bytes`)) break
    }
  }
}

/** What one holder has of the budget. */
export class MemoryShare {
  readonly #holder: MemoryHolder
  readonly #budget: ShareOf
  #bytes = 0
  #closed = false

  constructor(holder: MemoryHolder, budget: ShareOf) {
    this.#holder = holder
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether there are more bytes than this peer, or all together, may hold. */
  get isOver(): boolean {
    return this.#budget.isOver()
  }

  get canShed(): boolean {
    return this.#bytes > 0 && this.#holder.canShed
  }

  /** Notes how many bytes the holder has by now; it, or another one, may have to give them up at once. */
  set(bytes: number): void {
    if (bytes === this.#bytes || this.#closed) return
    const grown = bytes - this.#bytes
    this.#bytes = bytes
    this.#budget.grow(grown)
  }

  shed(reason: PointSubError): void {
    this.#holder.shed(reason)
    this.set(0)
  }

  /** The holder is gone, and its bytes with it. */
  close(): void {
    if (this.#closed) return
    this.set(0)
    this.#closed = true
    this.#budget.close()
  }
}

/** Whether there was one to shed. */
function shedLargest(shares: Iterable<MemoryShare>, why: string): boolean {
  let largest: MemoryShare | undefined
  for (const share of shares) {
    if (share.canShed && share.bytes > (largest?.bytes ?? 0)) largest = share
  }
  largest?.shed(new PointSubError('ERR_MEMORY_LIMIT', why))
  return largest !== undefined
}
