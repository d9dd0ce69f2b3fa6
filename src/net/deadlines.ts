import type { Conn } from '../conn/conn.ts'

/** Milliseconds since the epoch or a Date; undefined for none. */
export type Moment = number | Date | undefined

/** The deadlines of a socket, which may be set before it has a Conn. */
export class Deadlines {
  #read: Moment
  #write: Moment

  setRead(at: Moment, conn: Conn | undefined): void {
    this.#read = at
    conn?.setReadDeadline(at)
  }

  setWrite(at: Moment, conn: Conn | undefined): void {
    this.#write = at
    conn?.setWriteDeadline(at)
  }

  applyTo(conn: Conn): void {
    if (this.#read !== undefined) conn.setReadDeadline(this.#read)
    if (this.#write !== undefined) conn.setWriteDeadline(this.#write)
  }
}
