import type { StackOptions } from '../stack.ts'

export const CHUNK_BYTES: number = 64 * 1024

/**
 * Pushes chunks for some seconds, over a new connection: yamux measures the round trip once a connection, and grows its
 * windows by what it got then. Resolves, when the other side has counted them, to how many bytes that were.
 */
export type Push = (seconds: number) => Promise<number>

/** One way to send bytes in one direction. The receiver answers the sender's end with its count, 8 bytes. */
export interface BulkRow {
  /** @returns where {@link connect} finds it */
  serve(stack: StackOptions): Promise<string>
  connect(endpoint: string, stack: StackOptions): Promise<Push>
}

/** The rows in the order in which they are shown. */
export const BULK_ROWS = ['tls', 'raw-stream', 'net-socket'] as const

export type BulkRowName = (typeof BULK_ROWS)[number]
