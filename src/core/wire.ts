export type Wire = 'plain' | 'mux'

/** What the id of a protocol has behind it on the mux wire; see docs/wire.md. */
const SUFFIX = '/mux/1'

/** The id under which a protocol is served on a wire. */
export function idOf(protocol: string, wire: Wire): string {
  return wire === 'mux' ? protocol + SUFFIX : protocol
}

/** The protocol served under an id on a wire. */
export function protocolOf(id: string, wire: Wire): string {
  return wire === 'mux' ? id.slice(0, -SUFFIX.length) : id
}
