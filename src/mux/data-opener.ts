import type { Conn } from '../conn/conn.ts'
import type { Channel } from './channel.ts'
import { Plane, UNHELD } from './plane.ts'

/** Opens the data stream of a session when it is first needed, and not before the peer's HELLO is there. */
export class DataOpener {
  readonly #open: () => Promise<Conn>
  readonly #onFailure: (error: unknown) => void
  #isNeeded = false
  #isOpening = false

  /** @param onFailure called when it cannot be opened; the next start() will try again */
  constructor(open: () => Promise<Conn>, onFailure: (error: unknown) => void) {
    this.#open = open
    this.#onFailure = onFailure
  }

  /** A large message wants to be sent, here or there. */
  need(channel: Channel): void {
    this.#isNeeded = true
    this.start(channel)
  }

  /** Opens it if it is needed and not there. */
  start(channel: Channel): void {
    if (!this.#isNeeded || this.#isOpening || channel.data !== undefined || !channel.isGreeted || channel.isOver) return
    this.#isOpening = true
    this.#open().then(
      conn => {
        if (channel.isOver) conn.reset()
        else channel.addData(new Plane(conn, UNHELD), false)
      },
      (error: unknown) => {
        this.#isOpening = false
        this.#onFailure(error)
      }
    )
  }
}
