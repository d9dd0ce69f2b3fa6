import { idOf, type Wire } from '../../src/core/wire.ts'
import { type ClientOptions, PointSubError, type ServerOptions } from '../../src/index.ts'

/** What a test runs on whose promise is the same on either: `describe.each(WIRES)`. */
export const WIRES: readonly Wire[] = ['plain', 'mux']

/** As a Client and a Server take it; between two of ours `auto`, the default, comes to `mux`. */
export type WireOption = Wire | 'auto'

/** The wire of tests that do not say: those written for Go's, whose streams carry one request at a time. */
export const USUAL: WireOption = 'plain'

/** Where the wires differ: what is to be expected on each. */
export type PerWire<T> = Readonly<Record<Wire, T>>

/** The ids that streams of a protocol can have. */
export function idsOf(protocol: string): string[] {
  return WIRES.map(wire => idOf(protocol, wire))
}

/** Options by which a peer gets so many requests at once, while the others wait with their client. */
export function inFlight(wire: Wire, most: number): { clientOptions: ClientOptions; serverOptions: ServerOptions } {
  return {
    clientOptions: wire === 'plain' ? { wire, maxStreamsPerPeer: most } : { wire },
    serverOptions: wire === 'mux' ? { maxConcurrentRequestsPerConn: most } : {}
  }
}

/** What a handler throws whose callers may try again; Go's wire cannot tell it from any other failure. */
export function notNow(): PointSubError {
  return new PointSubError('ERR_NOT_NOW', 'told to fail', { retryable: true })
}
