import type { Conn } from '../conn/conn.ts'
import { argumentTypeError } from './node-errors.ts'

/** Milliseconds since the epoch or a Date; undefined for none. */
export type Moment = number | Date | undefined

/** The deadlines of a socket, which may be set before it has a Conn. */
export class Deadlines {
  #read: Moment
  #write: Moment

  setRead(at: Moment, conn: Conn | undefined): void {
    check(at)
    this.#read = at
    conn?.setReadDeadline(at)
  }

  setWrite(at: Moment, conn: Conn | undefined): void {
    check(at)
    this.#write = at
    conn?.setWriteDeadline(at)
  }

  applyTo(conn: Conn): void {
    if (this.#read !== undefined) conn.setReadDeadline(this.#read)
    if (this.#write !== undefined) conn.setWriteDeadline(this.#write)
  }
}

function check(at: unknown): void {
  const isMoment = at === undefined || typeof at === 'number' || at instanceof Date
  if (!isMoment || Number.isNaN(Number(at ?? 0))) {
    throw argumentTypeError('deadline', 'a Date or a number of milliseconds since the epoch', at)
  }
}
