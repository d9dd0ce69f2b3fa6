import { PointSubError, textOf } from './errors.ts'
import { LONGEST_TIMER } from './timers.ts'

/** One numeric option: its default, its bounds and its text. README's tables are checked against these rows. */
export interface OptionRow {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly unit: 'ms' | 'bytes' | 'count'
  readonly doc: string
}

export type OptionTable = Readonly<Record<string, OptionRow>>

/** The options of a table with every value filled in. */
export type Resolved<T extends OptionTable> = {
  readonly [K in keyof T]: number
}

/** The options of a table as a user gives them. */
export type Given<T extends OptionTable> = {
  readonly [K in keyof T]?: number | undefined
}

const MIB = 1024 * 1024
const ms = (value: number, doc: string): OptionRow => ({ default: value, min: 1, max: LONGEST_TIMER, unit: 'ms', doc })
const bytes = (value: number, max: number, doc: string): OptionRow => ({
  default: value,
  min: 1,
  max,
  unit: 'bytes',
  doc
})
const count = (value: number, doc: string, max = 1_000_000): OptionRow => ({
  default: value,
  min: 1,
  max,
  unit: 'count',
  doc
})

type ClientOption =
  | 'maxBlockSize'
  | 'timeout'
  | 'connectTimeout'
  | 'maxStreamsPerPeer'
  | 'maxRequestsPerStream'
  | 'idleTimeout'

type ServerOption = 'maxBlockSize' | 'readTimeout' | 'writeTimeout' | 'idleTimeout' | 'maxStreamsPerConnection'

type HostOption =
  | 'maxConnections'
  | 'maxIncomingPendingConnections'
  | 'inboundConnectionThreshold'
  | 'maxDialQueueLength'
  | 'maxParallelDials'
  | 'addressDialTimeout'
  | 'maxStreamsPerConnection'
  | 'maxEarlyStreams'
  | 'streamWindow'

/** A frame's length is a u32, and one ArrayBuffer has to hold its body. */
const LARGEST_BLOCK = 1024 * MIB

/** Every option and its default in one place; names and values are Go PointSub's wherever Go has the option. */
export const OPTIONS: {
  readonly client: Readonly<Record<ClientOption, OptionRow>>
  readonly server: Readonly<Record<ServerOption, OptionRow>>
  readonly host: Readonly<Record<HostOption, OptionRow>>
} = {
  client: {
    maxBlockSize: bytes(32 * MIB, LARGEST_BLOCK, 'Largest request sent and largest answer accepted.'),
    timeout: ms(30_000, 'Bound on one whole call, from `send()` to its answer; per call by `send(…, { timeout })`.'),
    connectTimeout: ms(5_000, 'Bound on dialling a peer and opening a stream.'),
    maxStreamsPerPeer: count(
      64,
      'Streams open at once to one peer and protocol; more calls wait in order. Go peers reset above 75.',
      1_000
    ),
    maxRequestsPerStream: count(
      10_000,
      'Requests sent on one stream before it is replaced; Go ends a stream after 10,000.'
    ),
    idleTimeout: ms(25_000, 'An unused stream is closed after this time; Go ends it after 30 s.')
  },
  server: {
    maxBlockSize: bytes(32 * MIB, LARGEST_BLOCK, 'Largest request accepted and largest answer sent.'),
    readTimeout: ms(30_000, 'Longest wait between two bytes of one request.'),
    writeTimeout: ms(30_000, 'Longest time an answer may wait for a peer that does not read.'),
    idleTimeout: ms(60_000, 'A stream without a request is ended after this time.'),
    maxStreamsPerConnection: count(
      10_000,
      'Inbound streams of one protocol on one connection; more are reset by libp2p.'
    )
  },
  host: {
    maxConnections: count(1_000, 'Connections kept; above it unused ones are pruned and new inbound ones refused.'),
    maxIncomingPendingConnections: count(256, 'Inbound connections in the middle of their handshake.'),
    inboundConnectionThreshold: count(256, 'Inbound connections a second from one address.'),
    maxDialQueueLength: count(10_000, 'Dials waiting at once.'),
    maxParallelDials: count(100, 'Dials running at once.'),
    addressDialTimeout: ms(2_000, 'Bound on one address of a peer; they are tried one after the other.'),
    maxStreamsPerConnection: count(
      16_384,
      'Streams of all protocols on one connection, inbound and outbound each.',
      65_536
    ),
    maxEarlyStreams: count(
      1_024,
      'Streams a peer may open before this side finished setting the connection up.',
      65_536
    ),
    streamWindow: {
      default: MIB,
      min: 256 * 1024,
      max: 16 * MIB,
      unit: 'bytes',
      doc: 'Largest receive window of one stream: what a paused stream can hold.'
    }
  }
}

for (const table of Object.values(OPTIONS)) {
  for (const row of Object.values(table)) Object.freeze(row)
  Object.freeze(table)
}
Object.freeze(OPTIONS)

/**
 * Fills `given` up with defaults.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG` naming the option, the value and what is allowed
 */
export function resolveOptions<T extends OptionTable>(table: T, given: Given<T>, where: string): Resolved<T> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new PointSubError(
        'ERR_INVALID_CONFIG',
        `${where}: there is no option "${name}"; the options are ${Object.keys(table).join(', ')}`
      )
    }
  }
  const entries = Object.entries(table).map(([name, row]) => [name, resolveOne(`${where}: ${name}`, row, given[name])])
  return Object.freeze(Object.fromEntries(entries))
}

function resolveOne(what: string, row: OptionRow, value: number | undefined): number {
  if (value === undefined) return row.default
  if (!Number.isInteger(value) || value < row.min || value > row.max) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `${what} must be a whole number${row.unit === 'count' ? '' : ` of ${row.unit}`} from ${row.min} to ${row.max}, not ${textOf(value)}`
    )
  }
  return value
}
