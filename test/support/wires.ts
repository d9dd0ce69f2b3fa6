import { idOf, type Wire } from '../../src/core/wire.ts'

/** What a test runs on whose promise is the same on either: `describe.each(WIRES)`. */
export const WIRES: readonly Wire[] = ['plain', 'mux']

/** As a Client and a Server take it; between two of ours `auto`, the default, comes to `mux`. */
export type WireOption = Wire | 'auto'

/** The wire of tests that do not say: those written for Go's, whose streams carry one request at a time. */
export const USUAL: WireOption = 'plain'

/** The ids that streams of a protocol can have. */
export function idsOf(protocol: string): string[] {
  return WIRES.map(wire => idOf(protocol, wire))
}
