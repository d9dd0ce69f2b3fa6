import type { MuxFrame } from '../../src/frame/mux.ts'

/** A value as vectors hold it: bytes in hex, and what is not there left out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The pattern that every vector of this project is made of. */
export function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (7 * i + 3) % 251)
}

/** A frame as its vector shows it. */
export function shown(frame: MuxFrame): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(frame).flatMap(([name, value]: [string, unknown]): [string, Json][] => {
      if (value === undefined) return []
      return [[name, value instanceof Uint8Array ? hex(value) : JSON.parse(JSON.stringify(value))]]
    })
  )
}
