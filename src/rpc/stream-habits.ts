import type { Connection } from '@libp2p/interface'

/** How a peer treats a stream after an answer: reads on (Go v1.1 and ours), or ends it (Go v0 and v1.0). */
export type StreamHabit = 'many' | 'one'

/**
 * How long a stream of an unknown peer rests after its first answer before it may carry another request, in ms. A peer
 * of one request a stream sends its FIN right behind the answer, and a second request written before that FIN is seen
 * could not be told from one that failed.
 */
export const REST = 25
/** The same for a peer that has ended a stream once. */
export const LONG_REST = 1_000

/** What was learned of each connection's peer; forgotten with the connection, for the peer may come back upgraded. */
export class StreamHabits {
  readonly #known = new WeakMap<Connection, Map<string, StreamHabit>>()

  get(connection: Connection, protocol: string): StreamHabit | undefined {
    return this.#known.get(connection)?.get(protocol)
  }

  learn(connection: Connection, protocol: string, habit: StreamHabit): void {
    const known = this.#known.get(connection)
    if (known === undefined) this.#known.set(connection, new Map([[protocol, habit]]))
    else known.set(protocol, habit)
  }

  /** The peer ended a stream after one answer. Whoever is known to serve many had another reason. */
  suspect(connection: Connection, protocol: string): void {
    if (this.get(connection, protocol) === undefined) this.learn(connection, protocol, 'one')
  }
}
