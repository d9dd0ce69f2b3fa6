import type { Connection } from '@libp2p/interface'

/** How a peer treats a stream after an answer: reads on (Go v1.1 and ours), or ends it (Go v0 and v1.0). */
export type StreamHabit = 'many' | 'one'

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
}
