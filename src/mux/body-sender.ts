import { bodyHead } from '../frame/mux-encode.ts'
import { Pacer } from './pacer.ts'
import type { Outgoing, Plane } from './plane.ts'

/** Bytes of one BODY frame. */
const CHUNK = 32 * 1024
/** Messages that take turns; more wait, so that each gets on. */
const AT_ONCE = 8

/** A large message on its way. */
export interface Transfer {
  readonly id: number
  /** The REQUEST or ANSWER that goes before the body. */
  readonly head: Uint8Array
  readonly body: Uint8Array
  /** Bytes of the body that have been given to libp2p, or are being. */
  offset: number
  /** Whether anything of it has left. */
  given: boolean
  /** Called behind each part, with the last one's `offset` being all of the body. */
  onProgress(transfer: Transfer): void
}

/** Sends large messages on the data stream: in turns, and no more of them than the peer gave credit for. */
export class BodySender {
  #plane: Plane | undefined
  /** The first ones take turns: whoever has been served goes behind the others of them. */
  #transfers: Transfer[] = []
  /** Bytes that may be sent before the peer gives more. */
  credit = 0
  #inFlight: Transfer | undefined
  /** When a piece was last taken, on performance.now()'s clock. */
  lastTaken = 0
  readonly #pacer: Pacer

  /** @param most bytes that may be under way, whatever the peer gives credit for */
  constructor(most: number) {
    this.#pacer = new Pacer(most)
  }

  /** Whether all that was to be sent has been taken. */
  get isEmpty(): boolean {
    return this.#transfers.length === 0 && this.#inFlight === undefined
  }

  /** Whether there is a data stream to send on. */
  get isReady(): boolean {
    return this.#plane !== undefined
  }

  start(plane: Plane): void {
    this.#plane = plane
    this.#pump()
  }

  add(transfer: Transfer): void {
    this.#transfers.push(transfer)
    this.#pump()
  }

  /** Sends no more of a message. */
  remove(id: number): void {
    this.#transfers = this.#transfers.filter(transfer => transfer.id !== id)
  }

  addCredit(bytes: number): void {
    this.credit += bytes
    this.#pacer.taken(bytes, performance.now())
    this.#pump()
  }

  clear(): void {
    this.#transfers = []
  }

  /** Called when what was given last has been taken. */
  drained(): void {
    const sent = this.#inFlight
    this.#inFlight = undefined
    if (sent !== undefined) {
      this.lastTaken = performance.now()
      sent.onProgress(sent)
    }
    this.#pump()
  }

  /** One piece at a time, so that the data stream never holds more than that on this side. */
  #pump(): void {
    const transfer = this.#transfers[0]
    if (this.#plane === undefined || transfer === undefined || this.#inFlight !== undefined) return
    const wanted = Math.min(CHUNK, transfer.body.byteLength - transfer.offset)
    // No scraps: who has to wait sends a whole piece then.
    if (this.#pacer.room < wanted || this.credit === 0) return
    const bytes = Math.min(wanted, this.credit)
    const piece = transfer.body.subarray(transfer.offset, transfer.offset + bytes)
    const last = transfer.offset + bytes === transfer.body.byteLength
    if (!transfer.given) this.#plane.send(outgoing(transfer.head))
    transfer.given = true
    transfer.offset += bytes
    this.credit -= bytes
    this.#pacer.sent(bytes, performance.now())
    this.#inFlight = transfer
    this.#transfers.shift()
    if (!last) this.#transfers.splice(AT_ONCE - 1, 0, transfer)
    this.#plane.send(outgoing(bodyHead({ id: transfer.id, last, bytes: piece }), piece))
  }
}

function outgoing(head: Uint8Array, body?: Uint8Array): Outgoing {
  return { head, body, given: false }
}
