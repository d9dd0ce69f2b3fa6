import { type Connection, ConnectionClosedError, type Stream, StreamResetError } from '@libp2p/interface'
import { FaultyStream } from './faulty-stream.ts'
import type { Link, StreamFaults } from './link.ts'
import { packetDelay } from './packets.ts'
import { replaced } from './replaced.ts'
import { waitForLink } from './waiting.ts'

/** A connection whose streams go through the faults of a link. */
export class FaultyConnection {
  /** The connection as the users of the host see it. */
  readonly seen: Connection
  readonly #inner: Connection
  readonly #link: Link
  readonly #closed = new AbortController()

  constructor(inner: Connection, link: Link) {
    this.#inner = inner
    this.#link = link
    this.seen = replaced(inner, { newStream: this.#newStream })
    const onClose = (): void => {
      this.#closed.abort(new ConnectionClosedError('the connection was closed'))
      link.onConnectionClose(inner)
    }
    inner.addEventListener('close', onClose, { once: true })
  }

  /** A stream that the peer has opened; undefined when it did not survive its opening. */
  accept(stream: Stream): FaultyStream | undefined | Promise<FaultyStream | undefined> {
    const faults = this.#link.nextStream(stream.protocol, 'inbound')
    if (this.#link.sides === 'both' && faults.failsToOpen(this.#link.rules.errorRate, 'in')) {
      stream.abort(new StreamResetError('a fault was injected'))
      return undefined
    }
    const faulty = this.#wrap(stream, faults)
    return this.#link.isHeld ? this.#acceptLater(faulty) : faulty
  }

  async #acceptLater(faulty: FaultyStream): Promise<FaultyStream | undefined> {
    // The one who opened it decides how long it waits.
    await waitForLink(this.#link, 0, faulty.gone, this.#closed.signal).catch(() => {})
    return faulty.status === 'open' ? faulty : undefined
  }

  readonly #newStream: Connection['newStream'] = async (protocols, options = {}) => {
    const [protocol = ''] = typeof protocols === 'string' ? [protocols] : protocols
    const link = this.#link
    const faults = link.nextStream(protocol, 'outbound')
    const dice = faults.dice('open')
    const trip = (number: number): Promise<void> => {
      const delay = packetDelay(dice, link.rules, number * link.rules.packetSize)
      return waitForLink(link, delay, options.signal, this.#closed.signal)
    }
    await trip(0)
    if (faults.failsToOpen(link.rules.errorRate, 'out')) throw new StreamResetError('a fault was injected')
    const faulty = this.#wrap(await this.#inner.newStream(protocols, options), faults)
    try {
      await trip(1)
    } catch (error) {
      faulty.abort(error instanceof Error ? error : new StreamResetError())
      throw error
    }
    return faulty
  }

  #wrap(stream: Stream, faults: StreamFaults): FaultyStream {
    return new FaultyStream(stream, this.#inner, this.#link, faults)
  }
}
