import type { Measured } from '../callers.ts'
import type { StackOptions } from '../stack.ts'

/** Sends one request and resolves to its answer. */
export type Call = (body: Uint8Array) => Promise<Uint8Array>

/** How much is asked, and for how long. */
export interface Load {
  readonly bytes: number
  readonly concurrency: number
  readonly seconds: number
}

/** One way to do request/response: an echo server, and a client with which 64 calls may be in flight at a time. */
export interface Row {
  /** @returns where {@link connect} finds it */
  serve(stack: StackOptions): Promise<string>
  connect(endpoint: string, stack: StackOptions): Promise<Call>
}

/** One that is no program of Node's, and brings its own load. */
export interface ForeignRow {
  serve(stack: StackOptions): Promise<string>
  connectLoad(endpoint: string, stack: StackOptions): Promise<(load: Load) => Promise<Measured>>
}

/** The rows in the order in which they are shown; the first is the yardstick. */
export const ROW_NAMES = [
  'tls-pipelined',
  'raw-one-stream',
  'raw-pool-64',
  'stock-pool-64',
  'raw-new-stream',
  'net-socket',
  'client-send',
  'client-plain',
  'client-mux'
] as const

/** What others have made, with `--peers`. */
export const PEER_ROW_NAMES = ['grpc-js', 'undici', 'libp2p-http', 'hyperswarm-rpc', 'go-libp2p'] as const

export type RowName = (typeof ROW_NAMES | typeof PEER_ROW_NAMES)[number]

export const YARDSTICK: RowName = ROW_NAMES[0]

export const MAX_CONCURRENCY = 64
