import { randomBytes } from 'node:crypto'

export const KIB = 1024
export const MIB: number = 1024 * KIB

export function randomBody(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length))
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Whether two arrays hold the same bytes; `toEqual` takes seconds over MiBs. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/** A u32 in big-endian order. */
export function u32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** A plain frame made without the package. */
export function frameOf(body: Uint8Array): Uint8Array {
  return join(u32(body.byteLength), body)
}
