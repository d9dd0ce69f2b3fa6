import { createHash, randomBytes } from 'node:crypto'

export const KIB = 1024
export const MIB: number = 1024 * KIB

/** The most that Go PointSub v1.1 reads as one message. */
export const GO_MAX_READ: number = 8 * MIB

/** The sizes a message is tried with. */
export const SIZES: number[] = [0, 1, 300, 64 * KIB, MIB, GO_MAX_READ]

/** `length` random bytes. */
export function randomBody(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length))
}

export function sha256(...chunks: Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content)
}

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

/** Whether both hold the same bytes: `toEqual` takes seconds over MiBs. */
export function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
