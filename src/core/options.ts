import type { ChoiceRow, NumberRow, Resolved } from './option-table.ts'
import { LONGEST_TIMER } from './timers.ts'

const MIB = 1024 * 1024
const ms = (value: number, doc: string): NumberRow => ({ default: value, min: 1, max: LONGEST_TIMER, unit: 'ms', doc })
const onOff = (value: boolean, doc: string): ChoiceRow<boolean> => ({ default: value, choices: [true, false], doc })
const bytes = (value: number, max: number, doc: string): NumberRow => ({
  default: value,
  min: 1,
  max,
  unit: 'bytes',
  doc
})
const count = (value: number, doc: string, max = 1_000_000, min = 1): NumberRow => ({
  default: value,
  min,
  max,
  unit: 'count',
  doc
})

type ClientNumber =
  | 'timeout'
  | 'connectTimeout'
  | 'writeTimeout'
  | 'readTimeout'
  | 'maxRetries'
  | 'retryInterval'
  | 'retryBudget'
  | 'maxBlockSize'
  | 'maxTotalConns'
  | 'maxStreamsPerPeer'
  | 'maxIdleConns'
  | 'maxIdleConnsPerPeer'
  | 'idleConnTimeout'
  | 'idleTimeout'
  | 'maxRequestsPerStream'

type ServerNumber =
  | 'readTimeout'
  | 'writeTimeout'
  | 'connectTimeout'
  | 'idleTimeout'
  | 'maxBlockSize'
  | 'maxConcurrentConns'
  | 'minConcurrentConns'
  | 'maxLoadFactor'
  | 'loadInterval'
  | 'maxRequestsPerConn'
  | 'maxStreamsPerConnection'
  | 'cleanupInterval'
  | 'maxIdleTime'
  | 'maxIdlePerPeer'
  | 'maxMemoryUsage'
  | 'maxMemoryUsagePerPeer'
  | 'bufferPoolSize'
  | 'maxConcurrentRequests'
  | 'maxConcurrentRequestsPerConn'

type CompressionNumber = 'compressionThreshold' | 'compressionRatio' | 'compressionLevel'

/** What both sides of the mux wire have. */
type WireTable = Readonly<Record<CompressionNumber, NumberRow>> & {
  readonly wire: ChoiceRow<'auto' | 'plain' | 'mux'>
  readonly enableCompression: ChoiceRow<boolean>
}

type ClientTable = Readonly<Record<ClientNumber, NumberRow>> &
  WireTable & {
    readonly retryBackoff: ChoiceRow<'constant' | 'exponential'>
    readonly idempotent: ChoiceRow<boolean>
  }

type ServerTable = Readonly<Record<ServerNumber, NumberRow>> & WireTable

type SmtsTable = Readonly<Record<'maxMessageSize' | 'readTimeout' | 'writeTimeout' | 'streamKeepAlive', NumberRow>> & {
  readonly enableCompression: ChoiceRow<boolean>
}

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

const COMPRESSION: Omit<WireTable, 'wire'> = {
  enableCompression: onOff(
    true,
    'Whether what is sent on the mux wire is compressed where that pays, and taken compressed anyway. The plain wire, Go’s, has no compression.'
  ),
  compressionThreshold: bytes(2 * 1024, LARGEST_BLOCK, 'Smaller bodies are sent as they are.'),
  compressionRatio: {
    default: 0.9,
    min: 0.1,
    max: 1,
    unit: 'ratio',
    doc: 'A body that compression leaves at so much of its size or more is sent as it is.'
  },
  compressionLevel: count(1, 'From 1, the fastest, to 9, the smallest.', 9)
}

/** Every option and its default in one place; names and values are Go PointSub's wherever Go has the option. */
export const OPTIONS: {
  readonly client: ClientTable
  readonly server: ServerTable
  readonly smts: SmtsTable
  readonly host: Readonly<Record<HostOption, NumberRow>>
} = {
  client: {
    timeout: ms(30_000, 'Bound on one whole call, its retries included; per call by `send(…, { timeout })`.'),
    connectTimeout: ms(5_000, 'Bound on dialling a peer and opening a stream.'),
    writeTimeout: ms(30_000, 'Longest time a request may wait for a peer that does not read.'),
    readTimeout: ms(30_000, 'Longest wait for an answer to begin, and between two of its bytes.'),
    maxRetries: count(3, 'How often a failed request is tried again; 0 turns retries off.', 1_000, 0),
    retryInterval: ms(1_000, 'Wait before a retry; with exponential backoff the first one.'),
    retryBackoff: {
      default: 'constant',
      choices: ['constant', 'exponential'],
      doc: '`constant` waits `retryInterval` each time, as Go does. `exponential` doubles it each time up to 32 times it, and waits a random part of that (full jitter).'
    },
    retryBudget: count(100, 'Retries that may be made in a row; each call that succeeds gives a tenth of one back.'),
    idempotent: onOff(
      true,
      'Whether a request that may have reached the peer may be sent again, as Go does. Set it to `false` where a handler must not run twice; per call by `send(…, { idempotent })`.'
    ),
    maxBlockSize: bytes(32 * MIB, LARGEST_BLOCK, 'Largest request sent and largest answer accepted.'),
    maxTotalConns: count(100, 'Streams open at once, over all peers and protocols; more calls wait in order.'),
    maxStreamsPerPeer: count(
      64,
      'Streams of the plain wire open at once to one peer and protocol; more calls wait in order. Go peers reset above 75. The mux wire has one.',
      1_000
    ),
    maxIdleConns: count(100, 'Unused streams kept, over all peers; those unused longest go first.', 1_000_000, 0),
    maxIdleConnsPerPeer: count(10, 'Unused streams kept to one peer and protocol.', 1_000_000, 0),
    idleConnTimeout: ms(300_000, 'An unused stream is closed after this time; `idleTimeout` is less by default.'),
    idleTimeout: ms(
      25_000,
      'The same for a peer that may end streams itself: Go does after 30 s. The smaller one of the two holds.'
    ),
    maxRequestsPerStream: count(
      10_000,
      'Requests sent on one stream of the plain wire before it is replaced; Go ends a stream after 10,000.'
    ),
    wire: {
      default: 'auto',
      choices: ['auto', 'plain', 'mux'],
      doc: '`auto` takes the mux wire with peers that have it and Go’s plain one with the others; `plain` and `mux` take that one alone.'
    },
    ...COMPRESSION
  },
  server: {
    readTimeout: ms(30_000, 'Longest wait between two bytes of one request.'),
    writeTimeout: ms(30_000, 'Longest time an answer may wait for a peer that does not read.'),
    connectTimeout: ms(5_000, 'Taken because Go takes it. A server does not connect, so it has no effect, as in Go.'),
    idleTimeout: ms(60_000, 'A stream between two requests is ended after this time.'),
    maxBlockSize: bytes(32 * MIB, LARGEST_BLOCK, 'Largest request accepted and largest answer sent.'),
    maxConcurrentConns: count(
      1_000,
      'Streams served at once to start with; it adapts between `minConcurrentConns` and 10,000. One below `minConcurrentConns` is fixed.'
    ),
    minConcurrentConns: count(100, 'What `maxConcurrentConns` does not adapt below.'),
    maxLoadFactor: {
      default: 0.8,
      min: 0.4,
      max: 1,
      unit: 'ratio',
      doc: 'Share of `maxConcurrentConns` above which it shrinks by a tenth; below 0.4 it grows by a tenth.'
    },
    loadInterval: {
      default: 0,
      min: 0,
      max: LONGEST_TIMER,
      unit: 'ms',
      doc: 'Least time between two such steps; 0 takes one whenever a stream comes or goes, as Go does.'
    },
    maxRequestsPerConn: count(10_000, 'Requests served on one stream, which is ended behind the last answer.'),
    maxStreamsPerConnection: count(
      10_000,
      'Inbound streams of one protocol on one connection; more are reset by libp2p.'
    ),
    cleanupInterval: ms(300_000, 'How often streams are looked at for `maxIdleTime`.'),
    maxIdleTime: ms(1_800_000, 'A stream on which nothing was sent for so long is ended, accepted raw ones included.'),
    maxIdlePerPeer: count(
      64,
      'Streams that one peer may leave open after an answer, of one protocol. Above it the oldest are reset after a second, far above it sooner: Go clients never close theirs.'
    ),
    maxMemoryUsage: bytes(
      1024 * MIB,
      Number.MAX_SAFE_INTEGER,
      'Bytes of requests, answers and what waits to be read, over all peers. Above it the largest holder is reset and new requests are refused.'
    ),
    maxMemoryUsagePerPeer: bytes(256 * MIB, Number.MAX_SAFE_INTEGER, 'The same for one peer.'),
    bufferPoolSize: bytes(
      4 * 1024,
      LARGEST_BLOCK,
      'First buffer of a request that comes in pieces on the plain wire; it grows as they come.'
    ),
    maxConcurrentRequests: count(
      10_000,
      'Requests handled at once, over all peers and protocols; more are refused with `ERR_OVERLOADED`, on the plain wire by a reset.'
    ),
    maxConcurrentRequestsPerConn: count(
      1_000,
      'The same on one stream of the mux wire; its client knows and lets more calls wait. The plain wire has one on a stream.'
    ),
    wire: {
      default: 'auto',
      choices: ['auto', 'plain', 'mux'],
      doc: '`auto` serves each protocol on both wires, as `/echo/1.0.0` and `/echo/1.0.0/mux/1`; `plain` and `mux` on that one alone.'
    },
    ...COMPRESSION
  },
  smts: {
    maxMessageSize: bytes(
      32 * MIB,
      LARGEST_BLOCK,
      'Largest message sent and largest one accepted, decompressed. A stream may be longer, one frame of it may not.'
    ),
    readTimeout: ms(30_000, 'Longest wait between two bytes of one message, or of one stream.'),
    writeTimeout: ms(30_000, 'Longest time one frame may wait for a peer that does not read.'),
    streamKeepAlive: {
      default: 2_000,
      min: 0,
      max: LONGEST_TIMER,
      unit: 'ms',
      doc: 'Longest silence within a stream that is sent: Go gives up after 5 s, so it gets empty frames meanwhile. 0 sends none.'
    },
    enableCompression: onOff(
      false,
      'Whether what is sent is gzip where that pays. Only for a peer that has Go’s advanced frame processor, or is one of ours; what comes compressed is taken anyway.'
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

/** The options of a client, each with its value. */
export type ClientSettings = Resolved<ClientTable>

/** The options of a server, each with its value. */
export type ServerSettings = Resolved<ServerTable>
