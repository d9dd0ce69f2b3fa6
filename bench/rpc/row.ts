import type { StackOptions } from '../stack.ts'

/** Sends one request and resolves to its answer. */
export type Call = (body: Uint8Array) => Promise<Uint8Array>

/** One way to do request/response: an echo server, and a client with which 64 calls may be in flight at a time. */
export interface Row {
  /** @returns where {@link connect} finds it */
  serve(stack: StackOptions): Promise<string>
  connect(endpoint: string, stack: StackOptions): Promise<Call>
}

/** The rows in the order in which they are shown; the first is the yardstick. */
export const ROW_NAMES = [
  'tls-pipelined',
  'raw-one-stream',
  'raw-pool-64',
  'stock-pool-64',
  'raw-new-stream',
  'net-socket',
  'client-send'
] as const

export type RowName = (typeof ROW_NAMES)[number]

export const YARDSTICK: RowName = ROW_NAMES[0]

export const MAX_CONCURRENCY = 64
