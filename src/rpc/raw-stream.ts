import type { Conn } from '../conn/conn.ts'
import type { PointSubError } from '../core/errors.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from '../core/memory-budget.ts'
import type { ServedStream } from './served-stream.ts'

/** A stream that was accepted raw: its bytes belong to the user, its place and its memory to the server. */
export class RawStream implements ServedStream, MemoryHolder {
  readonly conn: Conn
  readonly isRaw = true
  readonly wire = 'plain'
  readonly isIdle = true
  readonly requests = 0
  readonly createdAt: number = performance.now()
  readonly bytesKept = 0
  readonly #share: MemoryShare
  readonly #onFailure: (error: PointSubError) => void
  #moved = 0
  lastActive: number = this.createdAt

  /** @param onFailure called when the stream had to give its bytes up */
  constructor(conn: Conn, budget: MemoryBudget, onFailure: (error: PointSubError) => void) {
    this.conn = conn
    this.#onFailure = onFailure
    this.#share = budget.open(conn.remotePeer.toString(), this)
    void conn.closed.then(() => this.#share.close())
  }

  sweep(now: number): void {
    this.#share.set(this.conn.bytesBuffered)
    const moved = this.conn.bytesRead + this.conn.bytesWritten
    if (moved === this.#moved) return
    this.#moved = moved
    this.lastActive = now
  }

  stop(): void {
    this.conn.close().catch((error: unknown) => this.conn.reset(error))
  }

  kill(reason: PointSubError): void {
    this.conn.reset(reason)
  }

  shed(reason: PointSubError): void {
    const error = reason.with({ peer: this.conn.remotePeer.toString(), protocol: this.conn.protocol })
    this.kill(error)
    this.#onFailure(error)
  }
}
