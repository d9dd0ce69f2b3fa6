import { parseArgs } from 'node:util'
import { isSecurity, isStack, type StackOptions } from './stack.ts'

/** What the command line asks for. */
export interface BenchOptions {
  readonly stack: StackOptions
  /** Time per row and round, or of the slow reader; undefined: each group's own default. */
  readonly seconds: number | undefined
  readonly rounds: number
  readonly filter: string
  readonly all: boolean
  /** Whether the rows that others have made run too. */
  readonly peers: boolean
  readonly json: boolean
  readonly assert: boolean
}

/** A mistake on the command line: one line on stderr, exit code 2. */
export class UsageError extends Error {}

export const HELP = `Usage: npm run bench -- [options]

Request/response over loopback, each side its own process, the rows' rounds interleaved:
  tls-pipelined    node:tls, length-prefixed frames, pipelined on one socket: the yardstick
  raw-one-stream   js-libp2p, one stream, requests pipelined, a send() each
  raw-pool-64      js-libp2p, a pool of 64 streams, one request in flight on each
  stock-pool-64    the same on the stock stack, whatever --stack says
  raw-new-stream   js-libp2p, a new stream for every request
  net-socket       pointsub/net: a pool of 64 sockets, one request in flight on each
  client-send      pointsub: Client.send() to Server.start(), default options
  client-plain     the same on the plain wire, Go PointSub's
  client-mux       the same on the mux wire
and with --peers what others have made:
  grpc-js          @grpc/grpc-js, unary calls over TLS
  undici           undici to node:https, HTTP/1.1 on 64 connections
  libp2p-http      @libp2p/http on the stock stack: its dispatcher, HTTP/1.1 on 32 streams
  hyperswarm-rpc   @hyperswarm/rpc over UDX, found through a DHT of its own on loopback
  go-libp2p        go-libp2p, one stream, requests pipelined, in Go at both ends (where there is Go)
then bytes one way (bulk: tls, raw-stream, net-socket), and, as groups of their own that take longer:
  security         the same over node:tls, createHost()'s TLS, @libp2p/tls and noise: bytes one way, streams, calls
  bulk-beside      calls of 64 B on one Client, alone and beside four 32 MiB bodies in each direction
  compression      calls of 16 KiB of JSON over a link of 100 Mb/s, compressed and as they are
  slow-reader      512 MiB through a Conn to a reader of 1 MiB/s: what memory grows

Options:
  --filter TEXT           only rows whose "bench/row/bytes/concurrency" contains TEXT, such as
                          "client-send", "/64/64", "bulk", "grpc-js" or "compression"; tls-pipelined always runs
                          along with request/response
  --all                   the groups that take longer too
  --peers                 the rows that others have made too
  --seconds N             time per row and round (default 0.8, bulk and compression 1, bulk-beside 2), or of the
                          slow reader (default 30)
  --rounds N              rounds that count, after one that does not (default 7)
  --stack stock|host      createLibp2p() with tcp, noise and yamux, or pointsub's createHost() (default stock)
  --security noise|tls    the libp2p rows' handshake (default noise; with --stack host what createHost() prefers)
  --json                  nothing but one JSON array on stdout
  --assert                exit code 1 when a bound is missed, or none was measured
  --help                  this text
`

/**
 * @returns undefined when only the help was asked for
 * @throws UsageError
 */
export function parseArguments(args: string[]): BenchOptions | undefined {
  const values = readFlags(args)
  if (values.help) return undefined
  const { stack, security, filter, all, peers, json, assert } = values
  if (!isStack(stack)) throw new UsageError(`--stack must be stock or host, not "${stack}"`)
  if (security !== undefined && !isSecurity(security)) {
    throw new UsageError(`--security must be noise or tls, not "${security}"`)
  }
  return {
    stack: { stack, security },
    seconds: values.seconds === undefined ? undefined : numberFlag('--seconds', values.seconds, 0.05, 600),
    rounds: wholeNumberFlag('--rounds', values.rounds, 1, 1000),
    filter,
    all,
    peers,
    json,
    assert
  }
}

function readFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        filter: { type: 'string', default: '' },
        all: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        seconds: { type: 'string' },
        rounds: { type: 'string', default: '7' },
        stack: { type: 'string', default: 'stock' },
        security: { type: 'string' },
        json: { type: 'boolean', default: false },
        assert: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    const [firstLine = ''] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(`${firstLine} (--help lists the options)`, { cause: error })
  }
}

function numberFlag(name: string, text: string, min: number, max: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max) return value
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not "${text}"`)
}

function wholeNumberFlag(name: string, text: string, min: number, max: number): number {
  const value = numberFlag(name, text, min, max)
  if (Number.isInteger(value)) return value
  throw new UsageError(`${name} must be a whole number, not "${text}"`)
}
