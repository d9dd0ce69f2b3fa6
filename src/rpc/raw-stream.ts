import type { Conn } from '../conn/conn.ts'
import type { PointSubError } from '../core/errors.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from './memory-budget.ts'
import type { ServedStream } from './served-stream.ts'

/** A stream that was accepted raw: its bytes belong to the user, its place and its memory to the server. */
export class RawStream implements ServedStream, MemoryHolder {
  readonly conn: Conn
  readonly isRaw = true
  readonly isIdle = true
  readonly requests = 0
  readonly createdAt: number = performance.now()
  readonly bytesKept = 0
  readonly #share: MemoryShare
  #moved = 0
  lastActive: number = this.createdAt

  constructor(conn: Conn, budget: MemoryBudget) {
    this.conn = conn
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

  stop(linger?: number): void {
    this.conn.close({ linger }).catch((error: unknown) => this.conn.reset(error))
  }

  kill(reason: PointSubError): void {
    this.conn.reset(reason)
  }

  shed(reason: PointSubError): void {
    this.kill(reason)
  }
}
