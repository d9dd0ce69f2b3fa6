import type { MessageStream, PeerId } from '@libp2p/interface'

/**
 * What a peer signs in a handshake: what the libp2p specifications say, or what go-dep2p changed it to (the library
 * below Go PointSub v1.0.4 to v1.2.3). All else of the handshakes is the same.
 */
export type Dialect = 'libp2p' | 'dep2p'

export const DIALECTS: readonly Dialect[] = ['libp2p', 'dep2p']

/** The other one. */
export function otherThan(dialect: Dialect): Dialect {
  return dialect === 'libp2p' ? 'dep2p' : 'libp2p'
}

/** As many peers are remembered; who was learned of first is forgotten first. */
const MAX_LEARNED = 10_000

/**
 * Which dialect to dial a peer with. Over TLS the one who dials shows his certificate before he can know: what turns out
 * to be the other dialect is noted here, and dialled once more.
 */
export class Dialects {
  readonly #first: Dialect
  readonly #learned = new Map<string, Dialect>()
  /** For connections that are a second try. */
  readonly #preferred = new WeakMap<MessageStream, Dialect>()
  /** For connections that failed because of it. */
  readonly #mistaken = new WeakMap<MessageStream, Dialect>()

  /** @param first what is tried with peers of whom nothing is known */
  constructor(first: Dialect) {
    this.#first = first
  }

  /** What to dial with on this connection. */
  toDial(connection: MessageStream, peer: PeerId | undefined): Dialect {
    return this.#preferred.get(connection) ?? this.#learned.get(peer?.toString() ?? '') ?? this.#first
  }

  /** What to dial this connection's peer with, whoever it is. */
  prefer(connection: MessageStream, dialect: Dialect): void {
    this.#preferred.set(connection, dialect)
  }

  /** A peer has proved who it is, in this dialect. */
  learn(peer: PeerId, dialect: Dialect): void {
    const key = peer.toString()
    this.#learned.delete(key)
    if (dialect === this.#first) return
    this.#learned.set(key, dialect)
    const [oldest] = this.#learned.keys()
    if (this.#learned.size > MAX_LEARNED && oldest !== undefined) this.#learned.delete(oldest)
  }

  /** This connection was dialled with one dialect, and its peer answered in the other. */
  mistook(connection: MessageStream, spoken: Dialect): void {
    this.#mistaken.set(connection, spoken)
  }

  /** What the peer of a failed connection spoke, if that is why it failed. */
  spokenOn(connection: MessageStream): Dialect | undefined {
    return this.#mistaken.get(connection)
  }
}
