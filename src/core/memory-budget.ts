import { PointSubError } from './errors.ts'

/** Something that holds bytes for a peer. */
export interface MemoryHolder {
  /** Bytes that stay held when the others are given up. */
  readonly bytesKept: number
  /** Gives up all bytes but those. */
  shed(reason: PointSubError): void
}

/** What a share tells and asks its budget. */
interface ShareOf {
  grow(bytes: number): void
  close(): void
  isOver(): boolean
  hasRoomFor(bytes: number): boolean
}

interface PeerUse {
  bytes: number
  readonly holders: Set<MemoryShare>
}

/**
 * Bounds the bytes that streams hold, per peer and in total. Above a bound whoever can give up most is told to,
 * until all is within it; bytes that nobody can give up (a handler has them) keep everybody else out.
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
      isOver: () => this.#bytes > this.#max || use.bytes > this.#maxPerPeer,
      hasRoomFor: bytes => use.bytes + bytes <= this.#maxPerPeer && this.#canHold(bytes)
    })
    use.holders.add(share)
    this.#all.add(share)
    return share
  }

  /** Most find room as it is; only for the others it is added up what those who can would give up. */
  #canHold(bytes: number): boolean {
    const surplus = this.#bytes + bytes - this.#max
    return surplus <= 0 || surplus <= bytesToShed(this.#all)
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

  /** Whether this peer may hold so many bytes more as it is, and all together when others give theirs up. */
  hasRoomFor(bytes: number): boolean {
    return this.#budget.hasRoomFor(bytes)
  }

  /** Bytes that shedding would free. */
  get bytesToShed(): number {
    return Math.max(0, this.#bytes - this.#holder.bytesKept)
  }

  /** Notes how many bytes the holder has by now; it, or another one, may have to give them up at once. */
  set(bytes: number): void {
    if (bytes === this.#bytes || this.#closed) return
    const grown = bytes - this.#bytes
    this.#bytes = bytes
    this.#budget.grow(grown)
  }

  shed(reason: PointSubError): void {
    const kept = this.#bytes - this.bytesToShed
    this.#holder.shed(reason)
    this.set(kept)
  }

  /** The holder is gone, and its bytes with it. */
  close(): void {
    if (this.#closed) return
    this.set(0)
    this.#closed = true
    this.#budget.close()
  }
}

function bytesToShed(shares: Iterable<MemoryShare>): number {
  let bytes = 0
  for (const share of shares) bytes += share.bytesToShed
  return bytes
}

/** Whether there was one to shed. */
function shedLargest(shares: Iterable<MemoryShare>, why: string): boolean {
  let largest: MemoryShare | undefined
  let most = 0
  for (const share of shares) {
    const bytes = share.bytesToShed
    if (bytes <= most) continue
    largest = share
    most = bytes
  }
  largest?.shed(new PointSubError('ERR_MEMORY_LIMIT', why))
  return largest !== undefined
}
