import type { BulkRowName } from '../bulk/row.ts'
import type { RowName } from '../rpc/row.ts'
import type { StackOptions } from '../stack.ts'

/** node:tls itself, createHost()'s TLS, and what js-libp2p has. */
export type ContenderName = 'node-tls' | 'host-tls' | 'libp2p-tls' | 'libp2p-noise'

/** One way to make a connection safe. */
export interface Contender {
  readonly name: ContenderName
  readonly stack: StackOptions
}

export const CONTENDERS: readonly Contender[] = [
  { name: 'node-tls', stack: { stack: 'stock', security: undefined } },
  { name: 'host-tls', stack: { stack: 'host', security: 'tls' } },
  { name: 'libp2p-tls', stack: { stack: 'stock', security: 'tls' } },
  { name: 'libp2p-noise', stack: { stack: 'stock', security: 'noise' } }
]

/** What all of them do, and by which rows of the other groups; node:tls has one of its own. */
export interface Task {
  readonly name: string
  readonly bytes: number
  readonly concurrency: number
  readonly row: RowName | BulkRowName
  readonly rowOfNode: RowName | BulkRowName
  readonly unit: 'MB/s' | 'requests/s'
}

const BULK = { row: 'raw-stream', rowOfNode: 'tls', unit: 'MB/s' } as const
const STREAM = { row: 'raw-one-stream', rowOfNode: 'tls-pipelined', unit: 'requests/s' } as const
const CLIENT = { row: 'client-send', rowOfNode: 'tls-pipelined', unit: 'requests/s' } as const

export const TASKS: readonly Task[] = [
  { name: 'bulk', bytes: 64 * 1024, concurrency: 1, ...BULK },
  { name: 'stream', bytes: 64, concurrency: 1, ...STREAM },
  { name: 'stream', bytes: 1024, concurrency: 1, ...STREAM },
  { name: 'stream', bytes: 64, concurrency: 64, ...STREAM },
  { name: 'client', bytes: 64, concurrency: 1, ...CLIENT },
  { name: 'client', bytes: 1024, concurrency: 1, ...CLIENT },
  { name: 'client', bytes: 64, concurrency: 64, ...CLIENT }
]

/** A promise: how much of what another one does this one must do, in a task. */
export interface Bound {
  readonly task: string
  readonly row: ContenderName
  readonly against: ContenderName
  readonly atLeast: number
}

export const BOUNDS: readonly Bound[] = [
  { task: 'bulk/65536/1', row: 'host-tls', against: 'node-tls', atLeast: 0.6 },
  { task: 'bulk/65536/1', row: 'host-tls', against: 'libp2p-tls', atLeast: 1.5 },
  { task: 'stream/64/1', row: 'host-tls', against: 'node-tls', atLeast: 0.5 },
  { task: 'stream/1024/1', row: 'host-tls', against: 'node-tls', atLeast: 0.5 },
  { task: 'stream/64/1', row: 'host-tls', against: 'libp2p-tls', atLeast: 1 },
  { task: 'stream/1024/1', row: 'host-tls', against: 'libp2p-tls', atLeast: 1 },
  { task: 'client/64/1', row: 'host-tls', against: 'libp2p-tls', atLeast: 1 },
  { task: 'client/1024/1', row: 'host-tls', against: 'libp2p-tls', atLeast: 1 },
  { task: 'client/64/64', row: 'host-tls', against: 'libp2p-tls', atLeast: 1 }
]

/** How a task is named in filters and bounds. */
export function nameOf({ name, bytes, concurrency }: Task): string {
  return `${name}/${bytes}/${concurrency}`
}
